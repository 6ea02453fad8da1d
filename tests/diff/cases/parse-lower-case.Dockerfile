arg BUSYBOX
from $BUSYBOX
run echo low >/low
copy a.txt /a
env X=y
cmd ["low"]
