ARG BUSYBOX
FROM $BUSYBOX
ENV V=value
RUN <<EOT
echo "one $V" >/one
cd /tmp
echo two >/two
EOT
RUN <<-EOT
	echo tabs >/tabs
EOT
