# Image of moeplan-server, with the command `moeplan` beside it; deploy/docker/build
# builds it. Both bases can be replaced, by a mirror's or by one pinned by digest.
ARG BUILD_BASE=debian:bookworm
ARG RUNTIME_BASE=debian:bookworm-slim

FROM ${BUILD_BASE} AS build
WORKDIR /src
COPY scripts/setup scripts/setup
COPY scripts/tools scripts/tools
RUN scripts/setup

COPY . .
ARG SOURCE_REVISION=""
ARG SOURCE_DATE_EPOCH=0
RUN --mount=type=cache,target=/root/.cache/ccache \
    cmake --preset release -DMOEPLAN_BUILD_TESTS=OFF \
      -DMOEPLAN_BUILD_WORKER=OFF \
      "-DMOEPLAN_SOURCE_REVISION=${SOURCE_REVISION}" \
 && cmake --build --preset release --target moeplan-server moeplan \
 && install -D --strip --target-directory=/out/bin \
      build/release/bin/moeplan-server build/release/bin/moeplan \
 && mkdir /out/packages \
 && deploy/docker/runtime_packages /out/bin/moeplan-server /out/bin/moeplan \
      >/out/packages/names

FROM ${RUNTIME_BASE}
# The names carry the sonames, and Debian 12 changes within a soname only to mend
# security: no versions are pinned, and a rebuild gets what was mended.
# hadolint ignore=DL3008
RUN --mount=type=bind,from=build,source=/out/packages,target=/run/packages \
    apt-get update \
 && DEBIAN_FRONTEND=noninteractive xargs --arg-file=/run/packages/names \
      apt-get install --yes --no-install-recommends \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log \
      /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/aux-cache \
 && install --directory --mode=0750 --owner=65532 --group=65532 /var/lib/moeplan
COPY --from=build /out/bin/ /usr/bin/
COPY LICENSE /usr/share/doc/moeplan/copyright
# Both programs load all their libraries.
RUN moeplan-server --version && moeplan --version

ENV MOEPLAN_LISTEN=0.0.0.0:7600 \
    MOEPLAN_METRICS_LISTEN=0.0.0.0:7601 \
    MOEPLAN_STORE_DIR=/var/lib/moeplan
EXPOSE 7600/tcp 7601/tcp
VOLUME ["/var/lib/moeplan"]
WORKDIR /var/lib/moeplan
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["/usr/bin/moeplan-server", "healthcheck", "--service", "readiness", "--timeout", "2s"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/moeplan-server"]

ARG RUNTIME_BASE
ARG VERSION=unknown
ARG SOURCE_REVISION=unknown
ARG SOURCE_URL=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="moeplan" \
      org.opencontainers.image.description="Which Mixture-of-Experts model to train under a budget, and what loss to expect, answered over gRPC" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${SOURCE_REVISION}" \
      org.opencontainers.image.source="${SOURCE_URL}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${RUNTIME_BASE}"
