# shellcheck shell=bash
# Servers that people really run, as ordinary processes on ports of loopback: lighttpd (with git
# http-backend behind it), git daemon, sshd. Loaded beside kiln.bash, whose kiln_teardown ends them.
# shellcheck disable=SC2034 # what is set here is for the tests

# web_start plain|tls ROOT: sets WEB (http://… or https://…), WEB_CA and WEB_PID. Below WEB:
#
#   /files/NAME      a file of ROOT; /slow/NAME the same at 500 kB a second
#   /moved/NAME      a redirect to /files/NAME; /round/ one to itself
#   /git/NAME.git    git http-backend over ROOT; /private/NAME.git the same for user:p@ss
web_start() {
	local dir
	dir=$(mktemp -d "${BATS_FILE_TMPDIR:?}/web.XXXXXX")
	chmod a+rx "$dir"
	printf 'user:p@ss\n' >"$dir/users"
	cat >"$dir/conf.in" <<-END
		server.modules = ("mod_redirect", "mod_alias", "mod_auth", "mod_authn_file", "mod_setenv",
			"mod_cgi", "mod_openssl")
		server.systemd-socket-activation = "enable"
		server.bind = "127.0.0.1"
		server.port = {port}
		server.document-root = "$dir/none"
		server.upload-dirs = ("$dir")
		mimetype.assign = ("" => "application/octet-stream")
		alias.url = ("/files/" => "$2/", "/slow/" => "$2/",
			"/git" => "$(git --exec-path)/git-http-backend",
			"/private" => "$(git --exec-path)/git-http-backend")
		url.redirect = ("^/moved/(.*)" => "/files/\$1", "^/round/" => "/round/")
		\$HTTP["url"] =~ "^/slow/" { connection.kbytes-per-second = 500 }
		\$HTTP["url"] =~ "^/(git|private)/" {
			cgi.assign = ("" => "")
			setenv.add-environment = ("GIT_PROJECT_ROOT" => "$2", "GIT_HTTP_EXPORT_ALL" => "1")
		}
		auth.backend = "plain"
		auth.backend.plain.userfile = "$dir/users"
		\$HTTP["url"] =~ "^/private/" {
			auth.require = ("" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
		}
	END
	WEB_CA=$dir/ca.crt
	if [ "$1" = tls ]; then
		make_certificates "$dir"
		printf '%s\n' 'ssl.engine = "enable"' "ssl.pemfile = \"$dir/server.crt\"" \
			"ssl.privkey = \"$dir/server.key\"" >>"$dir/conf.in"
	fi
	server_start lighttpd "$RIG_LIB/listen.py" pass "$(PATH=$PATH:/usr/sbin type -P lighttpd)" \
		-D -f "$dir/conf.in" || return 1
	WEB_PID=${SERVER_PIDS[-1]}
	WEB=http://$SERVER_ADDRESS
	[ "$1" = plain ] || WEB=https://$SERVER_ADDRESS
}

# git_daemon_start ROOT: sets GIT_DAEMON (git://HOST:PORT).
git_daemon_start() {
	server_start git-daemon "$RIG_LIB/listen.py" each git -c safe.directory='*' daemon --inetd \
		--export-all --base-path="$1" "$1" || return 1
	GIT_DAEMON=git://$SERVER_ADDRESS
}

# sshd_start HOME...: an sshd that lets each HOME/.ssh/id_ed25519, which is made, run git-shell as
# the caller. Sets SSH_USER, SSH_PORT and SSH_HOST_KEY, a line for known_hosts.
sshd_start() {
	local dir home
	dir=$(mktemp -d "${BATS_FILE_TMPDIR:?}/sshd.XXXXXX")
	ssh-keygen -q -t ed25519 -N '' -f "$dir/host_key"
	for home; do
		mkdir -p "$home/.ssh"
		chmod 0700 "$home/.ssh"
		[ -e "$home/.ssh/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -f "$home/.ssh/id_ed25519"
		cat "$home/.ssh/id_ed25519.pub" >>"$dir/authorized"
	done
	# As root it wants this folder, which Debian's service would make.
	[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
	cat >"$dir/config" <<-END
		HostKey $dir/host_key
		AuthorizedKeysFile $dir/authorized
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		PidFile none
		ForceCommand git-shell -c "\$SSH_ORIGINAL_COMMAND"
	END
	server_start sshd "$RIG_LIB/listen.py" each "$(PATH=$PATH:/usr/sbin type -P sshd)" -i -e \
		-f "$dir/config" || return 1
	SSH_USER=$(id -un) SSH_PORT=${SERVER_ADDRESS##*:}
	SSH_HOST_KEY="[127.0.0.1]:$SSH_PORT $(cut -d' ' -f1,2 "$dir/host_key.pub")"
}
