ARG BUSYBOX
FROM $BUSYBOX
ENV S=foo.bar.baz
ENV A=${S#*.} B=${S##*.} C=${S%.*} D=${S%%.*} E=${S/bar/x} F=${S//a/A} G=${S#nothing} H=${S/b?r/x}
