ARG BUSYBOX
FROM $BUSYBOX
ARG NAME=world
COPY <<one.txt <<'two.txt' a.txt /made/
hello $NAME
one.txt
hello $NAME
two.txt
COPY --chown=app --chmod=600 <<EOT /made/named
content
EOT
COPY <<-"EOT" /made/tabs
	stripped $NAME
	  kept blanks
EOT
