# syntax=docker/dockerfile:1
# Two stages: wheels are built in the first, so the second has no compiler and no cache.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY gateway ./gateway
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links=/wheels memory-gateway \
 && useradd --system --uid 10001 --home-dir /data --create-home gateway

# Runs with `--read-only`: the only place that is written is /data.
USER 10001
WORKDIR /data
VOLUME ["/data"]
ENV MEMORY_GATEWAY_CONFIG=/etc/memory-gateway/gateway.yaml \
    MEMORY_GATEWAY_HOST=0.0.0.0 \
    MEMORY_GATEWAY_PORT=8080 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['MEMORY_GATEWAY_PORT']}/health/ready\", timeout=2)"]
ENTRYPOINT ["memory-gateway"]
CMD ["serve"]
