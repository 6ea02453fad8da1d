ARG BUSYBOX
FROM $BUSYBOX
WORKDIR /wd
COPY dir /noslash
COPY dir/ /slash/
COPY a.txt /new/
COPY a.txt /new/named
COPY b.txt /new
COPY hard /over
COPY hard/sub /over/sub
COPY hard/sub/ /over
COPY a.txt .
COPY a.txt ./x/
COPY dir/. y
COPY dir/../b.txt /../../above
