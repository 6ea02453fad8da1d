ARG BUSYBOX
FROM $BUSYBOX
RUN cat <<EOT >/expanded && cat <<'EOT2' >/literal
home is $HOME
EOT
home is $HOME
EOT2
RUN echo not <<a heredoc 2>/dev/null || echo fell >/fell
a
