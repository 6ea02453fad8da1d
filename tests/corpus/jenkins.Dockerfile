# Shape of https://github.com/jenkinsci/docker/blob/master/debian/bookworm/hotspot/Dockerfile
ARG BOOKWORM_TAG=20241202
FROM debian:bookworm-"${BOOKWORM_TAG}"-slim AS jre-build

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

ARG JAVA_VERSION=17.0.13_11
ENV JAVA_HOME=/opt/java/openjdk

RUN apt-get update \
  && apt-get install --no-install-recommends -y \
    ca-certificates \
    jq \
  && rm -rf /var/lib/apt/lists/*
COPY jdk-download-url.sh jdk-download.sh ./
RUN jdk-download.sh alpine "${JAVA_VERSION}"
RUN case "$(jlink --version 2>&1)" in \
    "17."*) set -- "--compress=2" ;; \
    "21."*) set -- "--compress=zip-6" ;; \
    *) echo "ERROR: unmanaged jlink version pattern" && exit 1 ;; \
  esac; \
  jlink \
    --strip-java-debug-attributes \
    "$@" \
    --output /javaruntime

FROM debian:bookworm-"${BOOKWORM_TAG}"-slim AS controller

ENV LANG=C.UTF-8

ARG TARGETARCH
ARG COMMIT_SHA

ARG user=jenkins
ARG group=jenkins
ARG uid=1000
ARG gid=1000
ARG http_port=8080
ARG agent_port=50000
ARG JENKINS_HOME=/var/jenkins_home
ARG REF=/usr/share/jenkins/ref

ENV JENKINS_HOME=$JENKINS_HOME
ENV JENKINS_SLAVE_AGENT_PORT=${agent_port}
ENV REF=$REF

# Jenkins is run with user `jenkins`, uid = 1000
RUN mkdir -p $JENKINS_HOME \
  && chown ${uid}:${gid} $JENKINS_HOME \
  && groupadd -g ${gid} ${group} \
  && useradd -d "$JENKINS_HOME" -u ${uid} -g ${gid} -l -m -s /bin/bash ${user}

# Jenkins home directory is a volume, so configuration and build history
# can be persisted and survive image upgrades
VOLUME $JENKINS_HOME

# $REF (defaults to `/usr/share/jenkins/ref/`) contains all reference configuration we want
RUN mkdir -p ${REF}/init.groovy.d

# jenkins version being bundled in this docker image
ARG JENKINS_VERSION
ENV JENKINS_VERSION=${JENKINS_VERSION:-2.479.2}

# Can be used to customize where jenkins.war get downloaded from
ARG JENKINS_URL=https://repo.jenkins-ci.org/public/org/jenkins-ci/main/jenkins-war/${JENKINS_VERSION}/jenkins-war-${JENKINS_VERSION}.war
RUN curl -fsSL ${JENKINS_URL} -o /usr/share/jenkins/jenkins.war \
  && sha256sum --check --strict <(echo "sha  /usr/share/jenkins/jenkins.war")

ENV JENKINS_UC=https://updates.jenkins.io
RUN chown -R ${user} "$JENKINS_HOME" "$REF"

ARG PLUGIN_CLI_VERSION=2.13.2
ENV JENKINS_INCREMENTALS_REPO_MIRROR=https://repo.jenkins-ci.org/incrementals

EXPOSE ${http_port}
EXPOSE ${agent_port}

ENV COPY_REFERENCE_FILE_LOG=$JENKINS_HOME/copy_reference_file.log
ENV JAVA_HOME=/opt/java/openjdk
ENV PATH="${JAVA_HOME}/bin:${PATH}"
COPY --from=jre-build /javaruntime $JAVA_HOME

USER ${user}

COPY jenkins-support /usr/local/bin/jenkins-support
ENTRYPOINT ["/usr/bin/tini", "--", "/usr/local/bin/jenkins.sh"]

# metadata labels
LABEL \
  org.opencontainers.image.vendor="Jenkins project" \
  org.opencontainers.image.title="Official Jenkins Docker image" \
  org.opencontainers.image.version="${JENKINS_VERSION}" \
  org.opencontainers.image.revision="${COMMIT_SHA}" \
  org.opencontainers.image.licenses="MIT"
