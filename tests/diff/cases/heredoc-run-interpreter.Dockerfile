ARG BUSYBOX
FROM $BUSYBOX
RUN <<EOT
#!/usr/bin/awk -f
BEGIN { print "awk" > "/awk" }
EOT
