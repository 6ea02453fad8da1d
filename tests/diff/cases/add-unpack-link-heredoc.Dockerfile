# Dockerfile reference, "ADD --unpack", "COPY --link" and "Here-Documents".
ARG BUSYBOX
FROM $BUSYBOX
ADD --unpack=false archive.tar.gz /packed/
ADD --unpack=true implied.tar /unpacked/
RUN mkdir /real && ln -s real /alias
COPY --link a.txt /alias/
ARG NAME=there
COPY --chmod=0600 --chown=1:2 <<one <<-"two" <<'three' /docs/
hello $NAME
one
	tabs go, $NAME stays
	two
	tabs stay
three
ADD <<alone /docs/renamed
by itself
alone
