# Shape of https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/testfiles/json/Dockerfile
FROM scratch
CMD []
CMD [""]
CMD ["a"]
CMD ["a","b"]
CMD [ "a",  "b" ]
CMD [	"a",	"b"	]
CMD	[	"a",	"b"	]	
CMD ["abc 123", "♥", "☃", "\" \\ \/ \b \f \n \r \t \u0041"]
