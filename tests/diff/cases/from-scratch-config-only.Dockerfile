FROM scratch
LABEL only=config
COPY empty /empty
CMD ["/nothing"]
