ARG BUSYBOX
FROM $BUSYBOX
COPY ["names/with blank", "names/ünïcödé", "/names with blank/"]
COPY ["names/#hash", "/hash"]
COPY names /names
