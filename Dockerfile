# smolvlm serve with the embedded model; checkpoints of the hub go to the volume /checkpoints.
#
#     docker build -t smolvlm-serve .
#     docker run --rm --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 \
#         -e SMOLVLM_SERVE_TOKEN=… smolvlm-serve
#
# docs/serve.md has the size, a compose file and what to set.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY smolvlm_tools smolvlm_tools
COPY integrations integrations
RUN python -m venv /opt/smolvlm \
    && /opt/smolvlm/bin/pip install --no-cache-dir --no-compile '.[serve]' \
    && /opt/smolvlm/bin/pip uninstall --yes pip

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /checkpoints smolvlm \
    && install -d -o smolvlm /checkpoints
COPY --from=build /opt/smolvlm /opt/smolvlm
ENV PATH=/opt/smolvlm/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HF_HOME=/checkpoints \
    SMOLVLM_SERVE_MODELS=embedded \
    SMOLVLM_SERVE_HOST=0.0.0.0 \
    SMOLVLM_SERVE_PORT=8000
USER 10001
VOLUME /checkpoints
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", \
    "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["smolvlm", "serve"]
