# syntax=docker/dockerfile:1
# Shape of https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/parser_heredoc_test.go
FROM alpine
RUN <<EOF
echo one
EOF
RUN <<'EOF' cat && cat <<OTHER
$literal
EOF
expands $later
OTHER
RUN <<-EOF1 <<EOF2 true
	tabs go
	EOF1
stays
EOF2
RUN 3<<EOF cat <&3
on another descriptor
EOF
RUN <<EOF python3
print("no <<NESTED here")
EOF
RUN echo "<<quoted" '<<QUOTED' <<<here
COPY <<EOF1 <<"EOF2" /dest/
$PATH
EOF1
$PATH
EOF2
COPY --chmod=0755 <<-"a.b" /x
	name with a space
	a.b
ADD <<E"O"F /y
partly quoted
EOF
ONBUILD COPY <<EOF /z
later
EOF
RUN <<EOF
#!/usr/bin/env python3
print("an interpreter of its own")
EOF
COPY <<EOF /empty
EOF
