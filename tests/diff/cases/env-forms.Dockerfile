ARG BUSYBOX
FROM $BUSYBOX
ENV OLD style with  blanks
ENV A=1 B="two words" C=three\ words D='single $A' E="double $A" F=a"b"c G=
ENV H="quote \" inside" I=back\\slash J="tab	kept" K=eq=ual=s
RUN printf '%s\n' "$OLD" "$A" "$B" "$C" "$D" "$E" "$F" "$G" "$H" "$I" "$J" "$K" >/env
