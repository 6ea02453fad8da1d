ARG BUSYBOX
FROM $BUSYBOX
LABEL a=1 b="two words" c='three' "quoted key"="quoted value"
LABEL multi="line one \
line two" com.example/x.y=z
LABEL old style value
LABEL a=again empty=
