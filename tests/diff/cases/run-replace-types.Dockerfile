ARG BUSYBOX
FROM $BUSYBOX
COPY dir /was/dir
COPY a.txt /was/file
RUN ln -s a /was/link
RUN rm -r /was/dir && echo now a file >/was/dir
RUN rm /was/file && mkdir /was/file && echo in >/was/file/in
RUN rm /was/link && mkdir /was/link
RUN rm -r /was/link && ln -s file /was/link
