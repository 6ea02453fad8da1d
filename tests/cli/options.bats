#!/usr/bin/env bats
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
# Options, help, version, errors: what a person meets before anything is built.

bats_require_minimum_version 1.5.0

load ../lib/kiln

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export HOME=$BATS_TEST_TMPDIR XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config
	unset KILN_ROOT
}

# Every command that help lists.
commands() {
	kiln help | awk '/^Commands:/ {on = 1; next} /^$/ {on = 0} on && /^  [a-z]/' | sed -E 's/^ *//; s/  .*//'
}

@test "version is one line on stdout" {
	succeeds kiln version
	[[ $output =~ ^kiln\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	equals "" "$stderr"
}

@test "a HOME that is closed to us is not asked for settings" {
	local kind
	kind=$(a_user)
	[ "$kind" != root ] || skip "nothing is closed to root"
	local closed=$BATS_TEST_TMPDIR/closed/home
	mkdir -p "$closed/.config/kiln"
	echo '{ no settings' >"$closed/.config/kiln/config.json"
	chmod 0 "$closed"
	run -0 as_user "$kind" env -u XDG_CONFIG_HOME HOME="$closed" "$(kiln_for_all)" info
	chmod 0700 "$closed"
	[[ $output != *"$closed"* ]]
}

@test "help goes to stdout, in 80 columns, sorted" {
	succeeds kiln help
	equals "" "$stderr"
	equals "$(commands | LC_ALL=C sort)" "$(commands)" "order of commands"
	while read -r command; do
		# A name may have two words.
		# shellcheck disable=SC2086
		succeeds kiln $command --help
		equals "" "$stderr"
		equals "" "$(printf '%s\n' "$output" | awk 'length > 80')" "wide lines of $command"
		[[ $output == "Usage: kiln $command"* ]]
		help=$output
		# shellcheck disable=SC2086
		succeeds kiln help $command
		equals "$help" "$output"
	done < <(commands; echo man)
}

@test "--help wins over everything that is wrong behind it" {
	succeeds kiln --help nonsense
	succeeds kiln build --help --nonsense
	succeeds kiln -h
}

@test "a wrong command line says so on stderr and exits with 2" {
	fails 2 "no command given" kiln
	equals "" "$output"
	fails 2 "unknown command 'buidl'" kiln buidl
	says "did you mean 'kiln build'?"
	fails 2 "unknown option '--no-cahce' of 'kiln build'" kiln build --no-cahce .
	says "did you mean '--no-cache'?"
	fails 2 "unknown option '--rot'" kiln --rot x version
	says "did you mean '--root'?"
	fails 2 "unknown option '-Z'" kiln build -Z
	fails 2 "option '--file' needs a value (PATH)" kiln build --file
	fails 2 "'kiln tag' needs 2 arguments" kiln tag x
	fails 2 "'kiln version' takes no argument" kiln version x
	fails 2 "'kiln build' takes at most 1 argument; 'b' is one too many" kiln build a b
	says "usage: kiln build [OPTION...] [CONTEXT]"
	fails 2 "option '--quiet': 'perhaps'" kiln build --quiet=perhaps .
	fails 2 "option '--shm-size'" kiln build --shm-size much .
	fails 2 "option '--progress': 'loud' is not one of" kiln build --progress loud .
	fails 2 "is not NAME:ADDRESS" kiln build --add-host x .
	fails 2 "'y:z' is no IP address" kiln build --add-host x:y:z .
	fails 2 "'--ulimit'" kiln build --ulimit nofile=x .
	fails 2 "option '--pull' cannot be 'sometimes'" kiln build --pull=sometimes .
	fails 2 "option '--tag'" kiln build -t UPPER .
	fails 2 "option '--platform'" kiln build --platform a/b/c/d .
	fails 2 "nothing says where to push" kiln build --push .
	fails 2 "gzip has no compression level 22" kiln build --compression-level 22 .
	fails 2 "the docker format has no zstd layers" kiln build --format docker --compression zstd .
	fails 2 "option '--output': invalid type: 'oic'" kiln build -o type=oic,dest=x .
	[ ! -e .local ]
}

@test "a failure before the command leaves no store" {
	fails 2 "nothing says where to push" kiln --root "$PWD/store" build --push .
	[ ! -e store ]
}

@test "files about the result that cannot be written are told before the build" {
	context
	printf 'FROM scratch\nCOPY . /\n' >Dockerfile
	mkdir folder
	for option in --iidfile --metadata-file; do
		fails 2 "option '$option': 'folder': Is a directory" kiln build "$option" folder .
		fails 2 "option '$option': " kiln build "$option" none/file .
		says "No such file or directory"
		says_not "COPY"
		fails 125 "option '$option': " kiln buildah build "$option" none/file .
	done
}

@test "what is not there yet is refused by name" {
	context
	echo FROM scratch >Dockerfile
	fails 2 "option '--policy' is not there yet" kiln build --policy=x .
	# No attestation is what pipelines often ask for, and what they get.
	succeeds kiln build --provenance=false --attest type=sbom,disabled=true --rm --force-rm \
		--compress --dry-run .
	fails 2 "key 'mode' is not there yet" kiln build -o type=local,dest=x,mode=delete .
	fails 2 "store=false leaves the image nowhere" kiln build -o type=image,store=false .
	fails 2 "platform-split is for type=local and type=tar" kiln build -o type=oci,platform-split=true .
	fails 2 "rewrite-timestamp=false is not there" kiln build -o type=oci,rewrite-timestamp=false .
	fails 2 "source-date-epoch 'soon' is not a time" kiln build -o type=oci,source-date-epoch=soon .
	fails 2 'two outputs want different source-date-epoch' kiln build -o type=local,dest=a,source-date-epoch=1 \
		-o type=oci,source-date-epoch=2 .
}

@test "called by another program's name, kiln is that program" {
	ln -s "$KILN" buildah
	ln -s "$KILN" executor
	succeeds ./buildah --version
	says "buildah version"
	succeeds ./executor version
	succeeds kiln buildah --version
	says "buildah version"
	fails 125 "Error: " kiln buildah nonsense
}

@test "settings: file, environment, flag, and info tells which" {
	mkdir -p config/kiln
	echo '{"jobs": 3, "compression": "zstd", "insecure-registry": ["a:1"]}' >config/kiln/config.json
	# shellcheck disable=SC2030
	export KILN_COMPRESSION=none KILN_INSECURE_REGISTRY=b:2
	succeeds kiln --root "$PWD/store" info
	line() { printf '%s\n' "$output" | tr -s ' ' | grep "^$1 "; }
	equals "jobs 3 $PWD/config/kiln/config.json" "$(line jobs)"
	equals "compression none KILN_COMPRESSION" "$(line compression)"
	equals "root $PWD/store --root" "$(line root)"
	equals "format oci built in" "$(line format)"
	equals "insecure-registry a:1,b:2 $PWD/config/kiln/config.json, KILN_INSECURE_REGISTRY" \
		"$(line insecure-registry)"
	succeeds kiln --root "$PWD/store" info --format json
	equals '{"Value":"none","From":"KILN_COMPRESSION"}' \
		"$(jq -c '.Settings.compression' <<<"$output")"
}

@test "a wrong setting names its place and exits with 125" {
	mkdir -p config/kiln
	echo '{"jbos": 3}' >config/kiln/config.json
	fails 125 "unknown setting 'jbos'" kiln version
	says "did you mean 'jobs'?"
	says "$PWD/config/kiln/config.json"
	printf '{"jobs": 3,\n "root" 4}' >config/kiln/config.json
	fails 125 "config.json:2:9" kiln version
	says ' "root" 4}'
	rm config/kiln/config.json
	KILN_JOBS=many fails 125 "environment variable 'KILN_JOBS'" kiln version
	SOURCE_DATE_EPOCH=now fails 125 "'SOURCE_DATE_EPOCH'" kiln version
}

@test "results that cannot be written are no success" {
	[ -c /dev/full ] || skip "no /dev/full"
	local status=0
	"$KILN" help >/dev/full 2>err || status=$?
	equals 125 "$status"
	grep -q "write to standard output: No space left on device" err
}

@test "colours only where they are wanted" {
	status=0
	"$KILN" nonsense 2>err || status=$?
	equals 2 "$status"
	run ! grep -q $'\x1b' err
	"$KILN" --color always version nonsense 2>err || true
	run ! grep -q $'\x1b' err # the command line is wrong before settings are read
	KILN_COLOR=always "$KILN" inspect --root "$PWD/store" nothing 2>err || true
	grep -q $'\x1b\[1;31mkiln:' err
}

@test "--debug shows the frames of an error" {
	fails 1 "no image 'nothing'" kiln --root "$PWD/store" --debug inspect nothing
	says "in image_name_find: "
}

@test "completions load, and complete" {
	succeeds kiln completion bash
	printf '%s\n' "$output" >kiln.bash
	bash -n kiln.bash
	complete_words() { # WORDS... -> what the last of them may become
		bash --norc -c 'source ./kiln.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kiln
			printf "%s\n" "${COMPREPLY[@]}"' - "$@"
	}
	equals "build" "$(complete_words kiln bui)"
	equals "--metadata-file" "$(complete_words kiln build --met)"
	equals "plain" "$(complete_words kiln build --progress pl)"
	equals "zstd" "$(complete_words kiln build --compression = z)"
	equals $'bash\nzsh\nfish' "$(complete_words kiln completion '')"
	equals "" "$(complete_words kiln build --pol)"
	equals "copy" "$(complete_words kiln image c)"
	equals "--digestfile" "$(complete_words kiln image copy --dig)"
	equals "image" "$(complete_words kiln imag | head -n 1)"
	succeeds kiln completion zsh
	[[ $output == "#compdef kiln"* ]]
	says "'--no-cache[run every step again]'"
	succeeds kiln completion fish
	says "complete -c kiln -n '__fish_seen_subcommand_from build' -l no-cache"
	fails 2 "no completion for 'tcsh'" kiln completion tcsh
}

@test "the manual is sound roff and has every command and option" {
	command -v groff >/dev/null || skip "no groff"
	succeeds kiln man
	printf '%s\n' "$output" >kiln.1
	equals "" "$(groff -man -Tutf8 -ww -z kiln.1 2>&1)" "groff's warnings"
	page=$(groff -man -Tutf8 kiln.1 | sed 's/\x1b\[[0-9;]*m//g; s/.\x08//g')
	while read -r command; do
		[[ $page == *"kiln $command"* ]] || explain "no $command in the manual"
	done < <(commands)
	for option in --no-cache --metadata-file --insecure-registry; do
		[[ $page == *"$option"* ]] || explain "no $option in the manual"
	done
}

@test "kiln starts in less than 5 ms" {
	! grep -q __asan_init "$KILN" || skip "a sanitizer's start-up is not kiln's"
	# The best of many, and no worse than a busy machine makes any program.
	run python3 - "$KILN" <<-'PY'
		import subprocess, sys, time
		def best(*command):
		    def once():
		        start = time.perf_counter()
		        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
		        return time.perf_counter() - start
		    return min(once() for _ in range(100)) * 1000
		true, kiln = best("/bin/true"), best(sys.argv[1], "version")
		print(f"kiln version {kiln:.1f} ms, true {true:.1f} ms")
		sys.exit(kiln >= max(5, 5 * true))
	PY
	[ "$status" -eq 0 ] || {
		echo "$output"
		return 1
	}
}
