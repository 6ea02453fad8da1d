#!/usr/bin/env bats
# --compat-volumes of Buildah's build: what a RUN changes in a volume of the image goes away with the step.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln
load ../lib/busybox

setup() {
	busybox_context
	echo copied >f
}

# Lines to follow FROM; [ARGS] to build with.
builds() {
	{
		printf 'FROM %s\n' "${base:-$img}"
		cat
	} >Dockerfile
	succeeds kiln buildah build "$@" .
}

@test "changes of a RUN go away, those of COPY and of outside stay" {
	builds --compat-volumes -t one <<-'END'
		RUN mkdir -p /v /w/in && echo a >/v/a && echo keep >/w/in/k && chown 5:6 /v
		VOLUME /v /w/in /missing/deep /v/
		RUN echo b >/v/b; rm /v/a; chmod 700 /v; echo m >/missing/deep/m; cat /missing/deep/m /v/b; \
			rm -rf /w; echo other >/w/o; [ -d /w/in ]
		RUN echo "see $(cd /v; ls) $(ls /w) $(ls /w/in) $(ls /missing/deep) $(stat -c %u:%g:%a /v)" | paste -sd' '
		COPY f /v/f
		RUN cat /v/f; echo more >>/v/f
		RUN echo "file: $(cat /v/f)"
	END
	says 'see a in'
	says 'o k  5:6:755'
	says 'file: copied'
	succeeds kiln buildah push -q localhost/one "oci:$PWD/out:x"
	valid_image out
	tree_of out >tree
	equals '/missing
/missing/deep
/v
/v/a
/v/f
/w
/w/in
/w/in/k
/w/o' "$(awk '{print $4}' tree | grep -E '^/(v|w|missing)(/|$)')"
	grep -q 'size=7 .*' <(grep ' /v/f ' tree)
}

@test "volumes of the base count, those that are files or are not there, and what is mounted in one" {
	builds -t base <<-'END'
		RUN mkdir /v && echo a >/v/a
		VOLUME /v
	END
	# One that no Dockerfile has made.
	succeeds kiln from -q --name c localhost/base
	succeeds kiln config --volume /nowhere --volume /etc/hostname.d --volume /etc/passwd c
	succeeds kiln buildah commit -q c base2
	base=localhost/base2 builds --compat-volumes -t two <<-'END'
		RUN echo z >/v/z; echo n >/nowhere/n; echo p >>/etc/passwd; echo out >/out; tail -n1 /etc/passwd
		RUN --mount=type=cache,target=/v/cache echo kept >/v/cache/k
		RUN --mount=type=cache,target=/v/cache echo "see $(ls /v) $(cat /v/cache/k) $(grep -c '^p$' /etc/passwd)" | paste -sd' '
		RUN --mount=type=tmpfs,target=/v echo "empty $(ls /v)."
	END
	says 'see a cache kept 0'
	says 'empty .'
	succeeds kiln buildah push -q localhost/two "oci:$PWD/out:x"
	tree_of out >tree
	grep -q ' /out ' tree
	run ! grep -qE ' (/v/z|/v/cache|/nowhere)' tree
}

@test "the flag is in the key, of steps that have volumes; without it what a RUN writes stays" {
	local text
	text=$(printf 'RUN mkdir /v\nRUN date +%%N >/n\nVOLUME /v\nRUN echo ran >&2; touch /v/x\nRUN ls /v')
	builds --compat-volumes <<<"$text"
	builds --compat-volumes <<<"$text"
	run ! grep -qx ran <<<"$output"
	builds <<<"$text"
	grep -qx ran <<<"$output"
	equals x "$(grep -x x <<<"$output")"
	equals 3 "$(grep -c 'Using cache' <<<"$output")"
}

@test "where nothing can be mounted it is refused with its reason" {
	printf 'FROM %s\nVOLUME /v\nRUN touch /v/x\n' "$img" >Dockerfile
	KILN_ISOLATION=chroot capture kiln buildah build --compat-volumes .
	[ "$status" != 0 ] || explain 'should fail'
	says 'volumes cannot be kept from a step with this isolation'
	says 'leave --compat-volumes away'
}
