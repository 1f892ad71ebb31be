# Image of moeplan-worker; `deploy/docker/build worker` builds it. Both bases can be
# replaced; what BUILD_BASE has in /src/build/tools, scripts/setup does not download.
# The program needs nothing but glibc 2.34 of RUNTIME_BASE, and starts on a node
# without a driver. To measure a GPU, RUNTIME_BASE has cuBLASLt and cuDNN of CUDA 13,
# such as nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04: it loads them when it runs.
# The driver's own libraries come from the node.
ARG BUILD_BASE=debian:bookworm
ARG RUNTIME_BASE=debian:bookworm-slim

FROM ${BUILD_BASE} AS build
WORKDIR /src
COPY scripts/setup scripts/setup
COPY scripts/tools scripts/tools
RUN scripts/setup --cuda

COPY . .
ARG SOURCE_REVISION=""
ARG SOURCE_DATE_EPOCH=0
# For processors oneDNN goes along, with what its library wants beside those of
# every base.
RUN --mount=type=cache,target=/root/.cache/ccache \
    cmake --preset cuda-all "-DMOEPLAN_SOURCE_REVISION=${SOURCE_REVISION}" \
 && cmake --build --preset cuda-all --target moeplan-worker-static \
 && install -D --target-directory=/out/bin \
      build/cuda-all/static/moeplan-worker \
 && install -D --mode=0644 --target-directory=/out/lib \
      /usr/lib/x86_64-linux-gnu/libdnnl.so.2 \
      /usr/lib/x86_64-linux-gnu/libgomp.so.1 \
      /usr/lib/x86_64-linux-gnu/libOpenCL.so.1 \
 && for package in libdnnl2 libgomp1 ocl-icd-libopencl1; do \
      install -D --mode=0644 "/usr/share/doc/${package}/copyright" \
        "/out/doc/${package}.copyright" || exit 1; \
    done

FROM ${RUNTIME_BASE}
COPY --from=build /out/bin/ /usr/bin/
COPY --from=build /out/lib/ /usr/lib/moeplan-worker/
COPY --from=build /out/doc/ /usr/share/doc/moeplan/
COPY LICENSE /usr/share/doc/moeplan/copyright
# The program starts, without a GPU too.
RUN moeplan-worker --version \
 && install --directory --mode=0750 --owner=65532 --group=65532 \
      /var/lib/moeplan-worker

# Some clusters mount the driver at /usr/local/nvidia. `utility` brings NVML, which
# tells clocks and temperature.
ENV LD_LIBRARY_PATH=/usr/lib/moeplan-worker:/usr/local/nvidia/lib64${LD_LIBRARY_PATH:+:${LD_LIBRARY_PATH}} \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    CUDA_CACHE_PATH=/tmp/cuda
VOLUME ["/var/lib/moeplan-worker"]
WORKDIR /var/lib/moeplan-worker
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/moeplan-worker"]
CMD ["--help"]

ARG RUNTIME_BASE
ARG VERSION=unknown
ARG SOURCE_REVISION=unknown
ARG SOURCE_URL=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="moeplan-worker" \
      org.opencontainers.image.description="Measures what a machine delivers on the operations of Mixture-of-Experts models, for moeplan to plan with" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${SOURCE_REVISION}" \
      org.opencontainers.image.source="${SOURCE_URL}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${RUNTIME_BASE}"
