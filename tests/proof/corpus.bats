#!/usr/bin/env bats
# Real Dockerfiles built: those of tests/corpus whose bases can be made from Debian packages, as they
# are. Each base image is given by --build-context NAME=oci-layout://...; where a base has a tool that
# Debian does not package, or that would fetch something, tests/corpus/tools/stand-in has its name.
# The project's sources are a small context of the same shape.
#
# Those that install packages with apt take long: KILN_SLOW=1 builds them as well.
# shellcheck disable=SC1003,SC2016,SC2034,SC2154 # dollars are the Dockerfile's; status, output the helpers'
load ../lib/kiln

CORPUS=$REPO/tests/corpus

# stand_in NAME BASE TOOLS [LINE...]: the image BASE of tests/lib/images with stand-ins for TOOLS and
# more lines of a Dockerfile; its layout is $BASES/NAME.
stand_in() {
	local name=$1 base=$2 tools=$3 tool dir=$BATS_FILE_TMPDIR/stand-in-$1
	shift 3
	mkdir -p "$dir/bin"
	for tool in $tools; do
		cp "$CORPUS/tools/stand-in" "$dir/bin/$tool"
	done
	[ "$base" = scratch ] || base=$(image_ref "$base")
	printf '%s\n' "FROM $base" 'COPY bin/ /usr/local/bin/' "$@" >"$dir/Dockerfile"
	KILN_ROOT=$BATS_FILE_TMPDIR/store "$KILN" build -q -o "type=oci,tar=false,dest=$BASES/$name" "$dir" >/dev/null
}

setup_file() {
	export BASES=$BATS_FILE_TMPDIR/bases
	local accounts='addgroup adduser getent chpasswd' alpine=('RUN printf "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n" >/etc/passwd && printf "root:x:0:\nnobody:x:65534:\nnogroup:x:65533:\n" >/etc/group && : >/etc/shadow')
	mkdir -p "$BASES"
	chmod a+rx "$BATS_FILE_TMPDIR"
	stand_in alpine busybox "$accounts apk git" "${alpine[@]}"
	stand_in golang busybox "$accounts apk git go make curl minisign file xx-go xx-info xx-verify" "${alpine[@]}" \
		'ENV GOPATH=/go PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
		'RUN mkdir -p /go/bin /etc/ssl/certs && echo authorities >/etc/ssl/certs/ca-certificates.crt' \
		'WORKDIR /go'
	chmod -R a+rX "$BASES"
}

setup() {
	OUT=
	context
}

teardown() {
	kiln_teardown
}

# built NAME [ARGS...]: builds tests/corpus/NAME.Dockerfile in the current folder, as an ordinary user,
# with the images of $USES: 'NAME=LAYOUT', where a LAYOUT without / is one of stand_in. $OUT is the image.
built() {
	local name=$1 kind use args=()
	kind=$(a_user)
	shift
	for use in "${USES[@]}"; do
		case $use in
		*=*/*) args+=(--build-context "${use%%=*}=oci-layout://${use#*=}") ;;
		*) args+=(--build-context "${use%%=*}=oci-layout://$BASES/${use#*=}") ;;
		esac
	done
	OUT=$(user_dir "$kind")/tmp/out-$BATS_TEST_NUMBER
	rm -rf "$OUT"
	succeeds kiln_as "$kind" build --progress plain --pull=never "${args[@]}" -f "$CORPUS/$name.Dockerfile" \
		-o "type=oci,tar=false,dest=$OUT" "$@" .
	valid_image "$OUT"
}

# has LINE...: lines of the image's tree: 'file 0755 0:0 /path', 'symlink 0777 0:0 /a -> b'.
has() {
	local line
	tree_of "$OUT" | sed 's/ size=.*//' >"$BATS_TEST_TMPDIR/tree"
	for line; do
		grep -qxF -- "$line" "$BATS_TEST_TMPDIR/tree" || {
			printf "the image has no '%s'\n" "$line" >&2
			head -40 "$BATS_TEST_TMPDIR/tree" >&2
			return 1
		}
	done
}

# has_not REGEX...: no line of the tree matches; after has.
has_not() {
	local regex
	for regex; do
		equals '' "$(grep -e "$regex" "$BATS_TEST_TMPDIR/tree" || true)" "$regex in the image"
	done
}

# says_config JQ WANTED: what the image's config says of a filter.
says_config() {
	equals "$2" "$(config_of "$OUT" "$1")" "$1"
}

# content PATH: of a file of the image, from the last layer that has it.
content() {
	local layer blobs=$OUT/blobs/sha256
	for layer in $(jq -r '.layers[].digest' "$blobs/$(jq -r '.manifests[0].digest' "$OUT/index.json" | cut -d: -f2)" | tac); do
		tar -C "$BATS_TEST_TMPDIR" -xOf "$blobs/${layer#sha256:}" "$1" 2>/dev/null && return
	done
	return 1
}

# calls LINE...: stand-ins were called so, in this order, with other calls between them.
calls() {
	content stand-in.log >"$BATS_TEST_TMPDIR/calls"
	local line at=0 found
	for line; do
		found=$(awk -v at="$at" -v line="$line" 'NR > at && index($0, line) == 1 {print NR; exit}' "$BATS_TEST_TMPDIR/calls")
		[ -n "$found" ] || {
			printf "no call '%s' after line %s of:\n" "$line" "$at" >&2
			cat "$BATS_TEST_TMPDIR/calls" >&2
			return 1
		}
		at=$found
	done
}

# files PATH...: files of a context, which hold their own names.
files() {
	local file
	for file; do
		mkdir -p "$(dirname "$file")"
		echo "$file" >"$file"
	done
}

@test "prometheus" {
	USES=(quay.io/prometheus/busybox-linux-amd64:latest=alpine)
	files .build/linux-amd64/prom{etheus,tool} documentation/examples/prometheus.yml LICENSE
	chmod 755 .build/*/*
	built prometheus
	says_config '[.config.User, .config.WorkingDir, .config.Volumes, .config.ExposedPorts]' \
		'["nobody","/prometheus",{"/prometheus":{}},{"9090/tcp":{}}]'
	says_config '.config.Entrypoint + .config.Cmd' \
		'["/bin/prometheus","--config.file=/etc/prometheus/prometheus.yml","--storage.tsdb.path=/prometheus"]'
	says_config '.config.Labels | length' 2
	has 'dir 0755 65534:65534 /prometheus' 'file 0644 65534:65534 /etc/prometheus/prometheus.yml' \
		'file 0755 0:0 /bin/promtool' 'file 0644 0:0 /LICENSE'
}

@test "traefik" {
	USES=(alpine:3.21=alpine)
	files dist/linux/amd64/traefik
	built traefik
	calls 'apk [add] [--no-cache] [--no-progress] [ca-certificates] [tzdata]'
	says_config '[.config.Entrypoint, .config.Volumes, .config.ExposedPorts]' \
		'[["/traefik"],{"/tmp":{}},{"80/tcp":{}}]'
	equals dist/linux/amd64/traefik "$(content traefik)"
}

@test "kubernetes' pause, from scratch" {
	USES=()
	files bin/pause-linux-amd64
	built kubernetes-pause --build-arg ARCH=amd64
	says_config '[.config.User, .config.Entrypoint, (.rootfs.diff_ids | length)]' '["65535:65535",["/pause"],1]'
	has 'file 0644 0:0 /pause'
	equals 2 "$(wc -l <"$BATS_TEST_TMPDIR/tree")"
}

@test "vault" {
	USES=(alpine:3=alpine)
	files dist/linux/amd64/vault
	built vault --target default --build-arg BIN_NAME=vault --build-arg PRODUCT_VERSION=1.2.3
	calls 'apk [add] [--no-cache] [libcap]'
	says_config '[.config.Labels.version, .config.Labels.release, .config.Cmd, .config.Volumes]' \
		'["1.2.3","",["server","-dev"],{"/vault/logs":{}}]'
	says_config '.config.Env | map(select(startswith("NAME") or startswith("VERSION")))' '["NAME=vault","VERSION="]'
	has 'file 0644 0:0 /bin/vault'
	content etc/passwd | grep -q '^vault:x:'
}

@test "grafana, from its own tarball" {
	USES=(alpine:3.21=alpine node:22-alpine=alpine golang:1.23.1-alpine=alpine)
	files package.json grafana-1/{conf/defaults.ini,bin/grafana,bin/linux-amd64/grafana-server,public/index.html,LICENSE} \
		packaging/docker/run.sh
	tar czf grafana-latest.linux-x64-musl.tar.gz grafana-1
	built grafana --build-arg GO_SRC=tgz-builder --build-arg JS_SRC=tgz-builder
	says_config '[.config.User, .config.WorkingDir, .config.Entrypoint]' '["472","/usr/share/grafana",["/run.sh"]]'
	has 'dir 0777 0:0 /usr/share/grafana/.aws' 'file 0644 0:0 /usr/share/grafana/bin/grafana-server' \
		'file 0644 0:0 /usr/share/grafana/public/index.html' 'file 0644 0:0 /run.sh'
	# The stages of the other way were not run.
	says_not js-builder
	says_not yarn
}

@test "node's image for npm packages, whose triggers run" {
	stand_in node busybox npm
	USES=(node:6.11.0=node)
	files package.json server.js
	built onbuild-node --build-arg NODE_ENV=production
	calls 'npm [install]' 'npm [cache] [clean] [--force]'
	says_config '[.config.WorkingDir, .config.Cmd, .config.ExposedPorts, .config.OnBuild]' \
		'["/usr/src/app",["npm","start"],{"8080/tcp":{}},null]'
	says_config '.config.Env | map(select(startswith("NODE")))' '["NODE_ENV=production"]'
	has 'file 0644 0:0 /usr/src/app/server.js' 'file 0644 0:0 /usr/src/app/node_modules/left-pad'
	# The image that has them keeps them.
	built onbuild-node --target onbuild
	says_config '.config.OnBuild | length' 5
}

@test "next.js" {
	stand_in node-alpine busybox 'apk yarn addgroup adduser' \
		'RUN printf "root:x:0:0:root:/:/bin/sh\n" >/etc/passwd && printf "root:x:0:\nnogroup:x:65533:\n" >/etc/group'
	USES=(node:18-alpine=node-alpine)
	files package.json yarn.lock server.js public/logo.svg
	echo node_modules >.dockerignore
	built nextjs
	says_config '[.config.User, .config.Cmd, .config.WorkingDir, (.config.Env | map(select(startswith("PORT") or startswith("HOST"))))]' \
		'["nextjs",["node","server.js"],"/app",["PORT=3000","HOSTNAME=0.0.0.0"]]'
	has 'file 0644 1001:1001 /app/server.js' 'file 0644 1001:1001 /app/.next/static/style.css' \
		'file 0644 0:0 /app/public/logo.svg'
	# Neither the sources nor the packages of the other stages.
	has_not node_modules yarn.lock
}

@test "a Java program on a distroless base" {
	stand_in temurin busybox 'javac jar'
	USES=(eclipse-temurin:17=temurin "gcr.io/distroless/java17-debian12=alpine")
	files HelloJava.java Other.java
	built distroless-java
	says_config '[.config.WorkingDir, .config.Cmd]' '["/app",["main.jar"]]'
	has 'file 0644 0:0 /app/main.jar' 'file 0644 0:0 /app/examples/Other.class'
	equals HelloJava.java "$(content app/main.jar)"
}

@test ".NET sample, in layers of their own" {
	stand_in sdk busybox dotnet
	stand_in aspnet busybox '' 'ENV APP_UID=1654'
	USES=(mcr.microsoft.com/dotnet/sdk:9.0=sdk mcr.microsoft.com/dotnet/aspnet:9.0=aspnet)
	files aspnetapp.csproj Program.cs
	built dotnet-samples
	says_config '[.config.User, .config.Entrypoint, .config.ExposedPorts]' '["1654",["./aspnetapp"],{"8080/tcp":{}}]'
	has 'file 0755 0:0 /app/aspnetapp'
}

@test "buildx, with binds, caches and scripts in heredocs" {
	stand_in xx scratch 'xx-go xx-info xx-verify'
	USES=(tonistiigi/xx:1.6.1=xx golang:1.23-alpine3.21=golang alpine:3.21=alpine)
	mkdir -p hack
	printf '#!/bin/sh\ntest -z "$(ls node_modules 2>/dev/null)"\nxx-go build -o "$DESTDIR/docker-buildx" "$VERSION-$REVISION"\n' >hack/build
	printf '#!/bin/sh\necho "$1-1"\n' >hack/git-meta
	chmod +x hack/*
	built buildx
	has 'file 0755 0:0 /buildx'
	equals 2 "$(wc -l <"$BATS_TEST_TMPDIR/tree")"
	built buildx --target buildx-build
	calls 'apk [add]' 'xx-go [--wrap]' 'xx-go [build] [-o] [/usr/bin/docker-buildx] [version-1-revision-1]' \
		'file [/usr/bin/docker-buildx]' 'xx-verify [--static]'
	built buildx --target release
	has 'file 0755 0:0 /buildx-version-1.linux-amd64'
}

@test "buildkit, of a dozen stages" {
	stand_in xx scratch 'xx-go xx-info'
	USES=(tonistiigi/xx:1.3.0=xx golang:1.21-alpine3.18=golang alpine:3.18=alpine
		"tonistiigi/binfmt:buildkit-v7.1.0-30@sha256:45dd57b4ba2f24e2354f71f1e4e51f073cb7a28fd848ce6f5f2a7701142a6bf0=binfmt")
	printf 'FROM scratch\nCOPY <<x /buildkit-qemu-s390x\nqemu\nx\n' >binfmt
	KILN_ROOT=$BATS_FILE_TMPDIR/store "$KILN" build -q -f binfmt -o "type=oci,tar=false,dest=$BASES/binfmt" . >/dev/null
	built buildkit --build-arg TAGS=seccomp
	says_config '[.config.Entrypoint, .config.Volumes]' '[["buildkitd"],{"/var/lib/buildkit":{}}]'
	has 'file 0755 0:0 /usr/bin/buildkitd' 'file 0755 0:0 /usr/bin/buildkit-runc' \
		'file 0644 0:0 /usr/bin/buildkit-qemu-s390x' 'symlink 0777 0:0 /usr/bin/fusermount -> fusermount3'
	built buildkit --build-arg BUILDKIT_DEBUG=1
	says_config '[.config.Entrypoint, (.config.Env | map(select(startswith("DELVE"))))]' \
		'[["/docker-entrypoint.sh"],["DELVE_PORT=5000"]]'
	has 'file 0755 0:0 /docker-entrypoint.sh'
	equals '  -l 0.0.0.0:${DELVE_PORT:-5000} \' "$(content docker-entrypoint.sh | sed -n 3p)"
}

@test "moby's binary" {
	stand_in xx scratch 'xx-go xx-info'
	USES=(tonistiigi/xx:1.6.1=xx "golang:1.22.10-bookworm=$(image debian)/oci:latest")
	mkdir -p hack cli/winresources/dockerd
	echo hidden >cli/winresources/dockerd/res
	cat >hack/make.sh <<-'END'
		#!/bin/sh -eu
		test ! -e cli/winresources/dockerd/res
		mkdir -p "$PREFIX/bundles/$1-daemon" /build bundles
		pwd >"$PREFIX/bundles/$1-daemon/dockerd"
		echo "$GO111MODULE$CGO_ENABLED" >bundles/in-the-context
	END
	chmod +x hack/make.sh
	built moby --target binary
	has 'file 0644 0:0 /dockerd'
	equals /go/src/github.com/docker/docker "$(content dockerd)"
	[ ! -e bundles ]
}

@test "airflow, whose scripts are heredocs" {
	stand_in python debian '' 'RUN mkdir -p /home/airflow/.local/bin && echo x >/home/airflow/.local/bin/airflow && chmod 700 /home/airflow/.local/bin/airflow'
	USES=(python:3.12-slim-bookworm=python)
	files airflow_pre_installed_providers.txt
	built airflow
	says_config '[.config.User, .config.WorkingDir, .config.Cmd, .config.Entrypoint, .config.Labels["org.apache.airflow.uid"]]' \
		'["50000","/opt/airflow",null,["/usr/bin/dumb-init","--","/entrypoint"],"50000"]'
	has 'file 0710 50000:0 /home/airflow/.local/bin/airflow' 'file 0644 50000:0 /opt/airflow/airflow_pre_installed_providers.txt'
	built airflow --target scripts
	equals '    debian_version=$(cat /etc/os-release | grep VERSION_CODENAME | cut -d '\''='\'' -f 2)' \
		"$(content install_os_dependencies.sh | grep debian_version=)"
}

@test "haproxy, made with make" {
	cat >"$BATS_TEST_TMPDIR/Makefile" <<-'END'
		.RECIPEPREFIX = >
		all:
		> printf '#!/bin/sh\necho version %s %s\n' $(TARGET) '$(USE_GETADDRINFO)$(EXTRA_OBJS)' >/usr/local/bin/haproxy
		> chmod 755 /usr/local/bin/haproxy
	END
	stand_in haproxy gcc '' "RUN mkdir -p /usr/src/haproxy && echo $(base64 -w0 "$BATS_TEST_TMPDIR/Makefile") | base64 -d >/usr/src/haproxy/Makefile"
	USES=(debian:bookworm-slim=haproxy)
	files docker-entrypoint.sh
	built haproxy
	says 'version linux-glibc 1'
	says_config '[.config.StopSignal, .config.User, .config.WorkingDir, .config.Cmd]' \
		'["SIGUSR1","haproxy","/var/lib/haproxy",["haproxy","-f","/usr/local/etc/haproxy/haproxy.cfg"]]'
	has 'dir 0755 99:99 /var/lib/haproxy' 'file 0755 0:0 /usr/local/bin/haproxy'
}

@test "gitea" {
	USES=(docker.io/library/golang:1.23-alpine3.21=golang docker.io/library/alpine:3.21=alpine)
	files go.mod docker/root/usr/bin/entrypoint docker/root/etc/s6/.s6-svscan/finish
	built gitea --build-arg GITEA_VERSION=v1
	says_config '[.config.Entrypoint, .config.ExposedPorts, .config.Volumes]' \
		'[["/usr/bin/entrypoint"],{"22/tcp":{},"3000/tcp":{}},{"/data":{}}]'
	has 'file 0755 0:0 /app/gitea/gitea' 'file 0755 0:0 /usr/bin/entrypoint' 'file 0755 0:0 /etc/s6/.s6-svscan/finish'
	content etc/shadow | grep -q '^git:\*$'
	built gitea --target build-env --build-arg GITEA_VERSION=v1
	calls 'apk [--no-cache] [add] [build-base]' 'git [checkout] [v1]' 'make [clean-all] [build]' 'go [build]'
	says_config '.config.Env | map(select(startswith("TAGS")))' '["TAGS=bindata timetzdata sqlite sqlite_unlock_notify"]'
}

@test "minio" {
	USES=(golang:1.22-alpine=golang registry.access.redhat.com/ubi9/ubi-micro:latest=alpine)
	built minio --build-arg RELEASE=R1
	says_config '[.config.Labels.version, .config.ExposedPorts, .config.Volumes]' '["R1",{"9000/tcp":{}},{"/data":{}}]'
	has 'file 0755 0:0 /usr/bin/minio' 'file 0755 0:0 /usr/bin/curl' 'file 0644 0:0 /etc/ssl/certs/ca-certificates.crt'
	says_config '.config.Labels.vendor' '"MinIO Inc <dev@min.io>"'
}

# What these take is mostly apt's: 10 to 40 s each, with the machine's mirror.
slow() {
	[ -n "${KILN_SLOW:-}" ] || skip "installs packages with apt; KILN_SLOW=1 runs it"
}

@test "envoy, with apt" {
	slow
	USES=("ubuntu:22.04@sha256:0e5e4a57c2499249aafc3b40fcd541e9a456aab7296681a3994d631587203f97=$(image debian)/oci:latest")
	files distribution/docker/docker-entrypoint.sh configs/envoyproxy_io_proxy.yaml envoy linux/amd64/none
	tar -c envoy | zstd -q >linux/amd64/release.tar.zst
	built envoy --target envoy
	says_config '[.config.Entrypoint, .config.Cmd, .config.ExposedPorts]' \
		'[["/docker-entrypoint.sh"],["envoy","-c","/etc/envoy/envoy.yaml"],{"10000/tcp":{}}]'
	has 'file 0755 0:0 /usr/local/bin/envoy' 'file 0755 0:0 /etc/envoy/envoy.yaml' 'dir 0755 0:0 /etc/ssl/certs'
	# Both were on a tmpfs while apt ran.
	has_not ' /var/lib/apt/lists/.*Packages' ' /var/cache/apt/.*bin$' '\.deb$'
}

@test "jupyter's foundation, with apt" {
	slow
	USES=("ubuntu:24.04=$(image debian)/oci:latest")
	files initial-condarc
	built jupyter
	says_config '[.config.User, .config.WorkingDir, .config.Entrypoint, .config.Shell]' \
		'["1000","/home/jovyan",["tini","-g","--","start.sh"],["/bin/bash","-o","pipefail","-c"]]'
	has 'file 0644 1000:100 /opt/conda/.condarc' 'file 0755 0:0 /usr/bin/tini'
	content etc/skel/.bashrc | grep -q '^eval "$(conda shell.bash hook)"'
}

@test "mastodon, with apt and its caches" {
	slow
	stand_in mastodon debian 'bundle rails'
	USES=(ghcr.io/mastodon/base=mastodon)
	files Gemfile Gemfile.lock bin/rails
	built mastodon
	says_config '[.config.User, .config.WorkingDir, (.config.Env | map(select(startswith("LD_") or startswith("RAILS"))))]' \
		'["mastodon","/opt/mastodon",["RAILS_ENV=production","LD_PRELOAD=libjemalloc.so.2"]]'
	calls 'bundle [config] [set] [--local] [without] [development test]' 'rails [assets:precompile]'
	has 'file 0755 0:0 /usr/bin/file' 'file 0644 0:0 /opt/mastodon/vendor/bundle/Gemfile'
	content opt/mastodon/public/assets/made | grep -qx libjemalloc.so.2
	has_not ' /var/lib/apt/lists/.*Packages' ' /var/cache/apt/.*bin$' '\.deb$' ' /var/log/apt/.*log'
}

@test "home-assistant, with Debian's python3" {
	slow
	stand_in home-assistant debian 'pip3 uv' 'RUN apt-get update -qq && apt-get install -qq --no-install-recommends python3 >/dev/null'
	USES=(ghcr.io/home-assistant/amd64-homeassistant-base:2024.11.0=home-assistant)
	files requirements.txt requirements_all.txt homeassistant/package_constraints.txt rootfs/etc/services.d/home-assistant/run
	echo 'print("hello")' >homeassistant/core.py
	built home-assistant
	says_config '[.config.WorkingDir, (.config.Env | map(select(startswith("UV"))))]' '["/config",["UV_SYSTEM_PYTHON=true","UV_NO_CACHE=true"]]'
	calls 'pip3 [install] [uv==0.5.8]' 'uv [pip] [install] [--no-build] [-r] [homeassistant/requirements.txt]'
	has 'file 0644 0:0 /usr/src/homeassistant/homeassistant/__pycache__/core.cpython-311.pyc' \
		'file 0644 0:0 /etc/services.d/home-assistant/run' 'dir 0755 0:0 /config'
}
