# Shape of https://github.com/GoogleContainerTools/distroless/blob/main/examples/java/Dockerfile
FROM eclipse-temurin:17 AS build-env
COPY . /app/examples
WORKDIR /app
RUN javac examples/*.java
RUN jar cfe main.jar examples.HelloJava examples/*.class

FROM gcr.io/distroless/java17-debian12
COPY --from=build-env /app /app
WORKDIR /app
CMD ["main.jar"]
