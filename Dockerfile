# The ledger's own image: worker, API and command line. Kafka and PostgreSQL come from their official images.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
WORKDIR /build
# Every dependency is checked against the lock file's digests here; the second step installs, from these files alone,
# only what the server needs (not the tests' tools, not the embedded servers).
COPY requirements.lock ./
RUN pip wheel --no-cache-dir --no-deps --require-hashes --wheel-dir /wheels --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY sdk sdk
COPY schemas schemas
COPY ledger ledger
COPY streams streams
RUN python -m venv /opt/ledger \
    && /opt/ledger/bin/pip install --no-cache-dir --no-index --find-links /wheels "./sdk[kafka,http]" ".[server]" \
    && /opt/ledger/bin/pip check

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="Accountability ledger" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/ledger --shell /usr/sbin/nologin ledger \
    && install -d -o ledger -g ledger -m 0700 /var/lib/ledger /var/lib/ledger/keys
COPY --from=build /opt/ledger /opt/ledger
ENV PATH=/opt/ledger/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LEDGER_HOME=/var/lib/ledger \
    LEDGER_KEYS=/var/lib/ledger/keys
VOLUME /var/lib/ledger
USER ledger
WORKDIR /var/lib/ledger
ENTRYPOINT ["ledger"]
CMD ["--help"]
