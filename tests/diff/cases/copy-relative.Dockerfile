ARG BUSYBOX
FROM $BUSYBOX
WORKDIR /w
COPY a.txt .
COPY b.txt ./
COPY c.md sub/
COPY dir ../up
COPY a.txt named
