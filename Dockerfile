# Two images from one file: streamer (the default) and the MLflow server of docker-compose.yml, with the versions that are tested.
FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --system --create-home --uid 10001 streamer
WORKDIR /app

FROM base AS mlflow
COPY requirements/server.txt requirements/server.txt
RUN pip install --require-hashes -r requirements/server.txt
USER streamer
EXPOSE 5000

FROM base AS streamer
COPY requirements/runtime.txt requirements/runtime.txt
RUN pip install --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY streamer streamer
RUN pip install --no-deps --no-build-isolation .
USER streamer
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9464/livez', timeout=2)"]
ENTRYPOINT ["streamer"]
CMD ["run"]
