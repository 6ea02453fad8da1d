# Shape of https://github.com/nodejs/docker-node/blob/v8.0.0/6.11/onbuild/Dockerfile
FROM node:6.11.0 AS onbuild

RUN mkdir -p /usr/src/app
WORKDIR /usr/src/app

ONBUILD ARG NODE_ENV
ONBUILD ENV NODE_ENV $NODE_ENV
ONBUILD COPY package.json /usr/src/app/
ONBUILD RUN npm install && npm cache clean --force
ONBUILD COPY . /usr/src/app

CMD [ "npm", "start" ]

FROM onbuild
EXPOSE 8080
