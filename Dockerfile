# PostgreSQL with impossible_travel and pg_cron. docs/install.md explains how to run it; compose.yaml does so with the
# sample data.
#
#   docker build --build-arg PG=18 --tag impossible_travel:18 .      (make container PG=18)
#
# PG is the version of PostgreSQL, 15 to 18. BASE is an image with Debian and apt packages of that version: the official
# image of PostgreSQL, or for 15 also docker.io/library/debian:bookworm. RUST is an image with Rust in /usr/local, of the
# same release of Debian or an older one.
#
# The base images have tags and no digests: a new build is to have their newest security updates, as it has those of the
# packages. To build with one certain image, pass its digest as BASE or RUST.
ARG PG=18
ARG BASE=docker.io/library/postgres:${PG}-bookworm
ARG RUST=docker.io/library/rust:1.95-slim-bookworm

FROM ${RUST} AS rust

FROM ${BASE} AS builder
ARG PG
USER root
COPY --from=rust /usr/local/rustup /usr/local/rustup
COPY --from=rust /usr/local/cargo /usr/local/cargo
ENV RUSTUP_HOME=/usr/local/rustup \
    CARGO_HOME=/usr/local/cargo \
    PGRX_HOME=/usr/local/pgrx \
    PG_CONFIG=/usr/lib/postgresql/${PG}/bin/pg_config \
    PATH=/usr/local/cargo/bin:$PATH
WORKDIR /build
# A step of its own, which changes of the sources do not repeat: it builds cargo-pgrx, which takes minutes. A build may
# mount the certificate authorities of its network in /usr/local/share/ca-certificates.
COPY scripts/setup.sh scripts/postgresql.sh scripts/
COPY scripts/lib scripts/lib
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates python3 && \
    update-ca-certificates && \
    scripts/setup.sh && \
    rm -rf /var/lib/apt/lists/*
COPY . .
# The sample is small, and the server reads it without the tool that makes it. Builds for several versions of PostgreSQL or
# architectures share cargo's output, one after the other.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target,sharing=locked \
    cargo fetch --locked && \
    cargo pgrx package --package impossible_travel --pg-config "$PG_CONFIG" --no-default-features \
        --features "pg${PG}" --out-dir /package && \
    cargo build --locked --release --package travel-sample && \
    for part in geoip cloudtrail; do \
        target/release/travel-sample "$part" "/package/usr/share/impossible_travel/sample/$part" || exit; \
    done && \
    mkdir -p /package/usr/share/doc/impossible_travel && \
    packaging/copyright.py "pg${PG}" >/package/usr/share/doc/impossible_travel/copyright

FROM ${BASE}
ARG PG
LABEL org.opencontainers.image.title="impossible_travel" \
      org.opencontainers.image.description="PostgreSQL ${PG} that detects impossible travel in AWS CloudTrail" \
      org.opencontainers.image.licenses="PostgreSQL"
USER root
# The package of pg_cron depends on the server, which a base such as Debian does not have yet. The server's package must
# not create a cluster.
RUN mkdir -p /etc/postgresql-common/createcluster.d && \
    printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.d/impossible_travel.conf && \
    apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "postgresql-${PG}-cron" && \
    rm -rf /var/lib/apt/lists/*
COPY --from=builder /package/ /
COPY packaging/container/postgresql.conf /etc/postgresql/impossible_travel.conf
COPY packaging/container/docker-entrypoint.sh packaging/container/entrypoint.sh /usr/local/share/impossible_travel/
COPY packaging/container/initialize.sh /docker-entrypoint-initdb.d/10-impossible_travel.sh
# initdb copies the sample of the configuration. The base's own entrypoint is used where there is one. The modes of the
# folders are those of the official image: the container also works with the --user of another user.
RUN printf "include = '/etc/postgresql/impossible_travel.conf'\n" >>"/usr/share/postgresql/${PG}/postgresql.conf.sample" && \
    if ! command -v docker-entrypoint.sh; then \
        ln -s /usr/local/share/impossible_travel/docker-entrypoint.sh /usr/local/bin/docker-entrypoint.sh; \
    fi && \
    install --directory --owner postgres --group postgres --mode 1777 /var/lib/postgresql && \
    install --directory --owner postgres --group postgres --mode 3777 /var/run/postgresql && \
    install --directory /usr/share/GeoIP /var/lib/GeoIP
# C.UTF-8 sorts alike in every release of the C library, so no upgrade of the image makes an index invalid.
ENV LANG=C.UTF-8 \
    PGDATA=/var/lib/postgresql/${PG}/docker \
    PATH=$PATH:/usr/lib/postgresql/${PG}/bin
VOLUME /var/lib/postgresql
USER postgres
EXPOSE 5432
# A fast shutdown: the server does not wait for sessions to end.
STOPSIGNAL SIGINT
# While the entrypoint prepares the database, the server does not listen on TCP.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=5 \
    CMD ["pg_isready", "--quiet", "--host", "127.0.0.1"]
ENTRYPOINT ["/usr/local/share/impossible_travel/entrypoint.sh"]
CMD ["postgres"]
