ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir -p /a/d /b/d /c && echo 1 >/a/d/f && echo 1 >/b/d/f && echo 1 >/c/f && ln -s /c /l
RUN rm -r /a/d && echo file >/a/d && rm -r /b/d && ln -s /c /b/d && rm /l && mkdir /l && echo 2 >/l/g
RUN rm /a/d && mkdir /a/d && echo new >/a/d/g && rm /b/d && mkdir /b/d && touch /b/d/n && rm -r /l && ln -s /a /l
