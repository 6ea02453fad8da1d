# Without a name there is no group to look up: that of the directory is the number, too.
ARG BUSYBOX
FROM $BUSYBOX
USER 1000
WORKDIR /new/by/known
USER 4321
WORKDIR /new/by/number
USER 4321:33
WORKDIR /new/by/both
USER 4321:www-data
WORKDIR /new/by/name
USER app:staff
WORKDIR /new/by/names
