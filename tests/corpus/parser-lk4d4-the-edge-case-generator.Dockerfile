# Shape of https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/testfiles/lk4d4-the-edge-case-generator/Dockerfile
FROM busybox:buildroot-2014.02

CMD [ "echo", "Executing RUN command" ]
CMD [ "echo", "What's up, doc" ]
CMD [ "echo", "\"quoted\"" ]
CMD echo [ "not", "json" ] "☃"
# a JSON array that a comment follows is none
CMD ["echo", "hi"] # comment
