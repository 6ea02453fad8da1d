# syntax=docker/dockerfile:1.4
# Shape of https://github.com/apache/airflow/blob/main/Dockerfile
ARG AIRFLOW_EXTRAS="aiobotocore,amazon,async,celery"
ARG AIRFLOW_HOME=/opt/airflow
ARG AIRFLOW_UID="50000"
ARG AIRFLOW_VERSION="2.10.4"
ARG PYTHON_BASE_IMAGE="python:3.12-slim-bookworm"

##############################################################################################
# This is the script image where we keep all inlined bash scripts needed in other segments
##############################################################################################
FROM scratch as scripts

# The content below is automatically copied from scripts/docker/install_os_dependencies.sh
COPY <<"EOF" /install_os_dependencies.sh
#!/usr/bin/env bash
set -euo pipefail

if [[ "$#" != 1 ]]; then
    echo "ERROR! There should be 'runtime' or 'dev' parameter passed as argument.".
    exit 1
fi

function get_runtime_apt_deps() {
    local debian_version
    debian_version=$(cat /etc/os-release | grep VERSION_CODENAME | cut -d '=' -f 2)
    if [[ "${RUNTIME_APT_DEPS=}" == "" ]]; then
        RUNTIME_APT_DEPS="curl dumb-init ${debian_version}"
        export RUNTIME_APT_DEPS
    fi
}

cat <<SQL
select 1;
SQL
EOF

COPY <<"EOF" /common.sh
#!/usr/bin/env bash
COLOR_BLUE=$'\e[34m'
readonly COLOR_BLUE
: "${PYTHON_BASE_IMAGE:?Should be set}"
EOF

##############################################################################################
FROM ${PYTHON_BASE_IMAGE} as airflow-build-image

# Nolog bash flag is currently ignored - but you can replace it with
# xtrace - to show commands executed)
SHELL ["/bin/bash", "-o", "pipefail", "-o", "errexit", "-o", "nounset", "-o", "nolog", "-c"]

ARG PYTHON_BASE_IMAGE
ENV PYTHON_BASE_IMAGE=${PYTHON_BASE_IMAGE} \
    DEBIAN_FRONTEND=noninteractive LANGUAGE=C.UTF-8 LANG=C.UTF-8 LC_ALL=C.UTF-8

ARG DEV_APT_DEPS=""
ENV DEV_APT_DEPS=${DEV_APT_DEPS}

COPY --from=scripts install_os_dependencies.sh /scripts/docker/
RUN bash /scripts/docker/install_os_dependencies.sh dev

ARG AIRFLOW_PIP_VERSION=24.3.1
# We can set this value to true in case we want to install .whl/.tar.gz packages placed in the
# docker-context-files folder.
ARG INSTALL_PACKAGES_FROM_CONTEXT="false"
ARG AIRFLOW_EXTRAS
ARG AIRFLOW_VERSION
ENV AIRFLOW_PIP_VERSION=${AIRFLOW_PIP_VERSION} \
    INSTALL_PACKAGES_FROM_CONTEXT=${INSTALL_PACKAGES_FROM_CONTEXT} \
    AIRFLOW_EXTRAS=${AIRFLOW_EXTRAS}${ADDITIONAL_AIRFLOW_EXTRAS:+,}${ADDITIONAL_AIRFLOW_EXTRAS}

COPY --from=scripts common.sh /scripts/docker/

# THE 3 LINES ARE ONLY NEEDED IN ORDER TO MAKE PYMSSQL BUILD WORK WITH LATEST CYTHON
ARG PIP_CACHE_EPOCH="9"
RUN --mount=type=cache,id=prod-pip-${PIP_CACHE_EPOCH},target=/root/.cache/pip,sharing=locked \
    if [[ ${INSTALL_PACKAGES_FROM_CONTEXT} == "true" ]]; then \
        bash /scripts/docker/install_from_docker_context_files.sh; \
    fi; \
    find "${AIRFLOW_USER_HOME_DIR:-/home/airflow}/.local/" -executable -type f \( -not -name "*.py" \) -print0 | xargs --null chmod g+x

FROM ${PYTHON_BASE_IMAGE} as main
ARG AIRFLOW_HOME
ARG AIRFLOW_UID
RUN adduser --gecos "First Last,RoomNumber,WorkPhone,HomePhone" --disabled-password \
       --quiet "airflow" --uid "${AIRFLOW_UID}" --gid "0" --home "/home/airflow"
COPY --from=airflow-build-image --chown=airflow:0 "/home/airflow/.local" "/home/airflow/.local"
COPY --chown=airflow:0 airflow_pre_installed_providers.txt ${AIRFLOW_HOME}/
WORKDIR ${AIRFLOW_HOME}
EXPOSE 8080
USER ${AIRFLOW_UID}
LABEL org.apache.airflow.distro="debian" \
  org.apache.airflow.component="airflow" \
  org.apache.airflow.uid="${AIRFLOW_UID}"
ENTRYPOINT ["/usr/bin/dumb-init", "--", "/entrypoint"]
CMD []
