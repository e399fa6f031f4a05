# syntax=docker/dockerfile:1

# The service as a small image: built with the toolchain it is tested with, run by a user without rights.
#
#   docker build --tag patient-logger .
#
# It needs a PostgreSQL (`DATABASE_URL`); docker-compose.yml brings one.

ARG RUST_VERSION=1.95
ARG DEBIAN=bookworm

# ---- Build ------------------------------------------------------------------------------------------------------------
FROM rust:${RUST_VERSION}-slim-${DEBIAN} AS build
WORKDIR /build

# Dependencies first, with stubs in the place of our own crates: this layer stays as long as the manifests do.
COPY Cargo.toml Cargo.lock ./
COPY entity/Cargo.toml entity/
COPY migration/Cargo.toml migration/
# Never built here, but a member of the workspace.
COPY fuzz/Cargo.toml fuzz/
COPY benches benches
RUN mkdir -p src entity/src migration/src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs entity/src/lib.rs migration/src/lib.rs \
    && cargo build --locked --release \
    && rm -r src entity/src migration/src

COPY . .
# Cargo goes by the time of a file, and a copied file may be older than its stub.
RUN find src entity/src migration/src -name '*.rs' -exec touch {} + \
    && cargo build --locked --release

# ---- Run --------------------------------------------------------------------------------------------------------------
FROM debian:${DEBIAN}-slim AS run

# Certificates for the one download, GraphiQL; everything else the binary brings along.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/patient-logger --shell /usr/sbin/nologin patient-logger \
    && install --directory --owner patient-logger --group patient-logger --mode 0700 \
        /var/lib/patient-logger /var/cache/patient-logger

COPY --from=build /build/target/release/patient-logger /usr/local/bin/patient-logger

ENV LISTEN=0.0.0.0:8080 \
    DATA_DIR=/var/lib/patient-logger \
    CACHE_DIR=/var/cache/patient-logger
USER 10001:10001
WORKDIR /var/lib/patient-logger
EXPOSE 8080
STOPSIGNAL SIGTERM

# Ready means: the database answers too. bash opens the connection by itself, so the image needs no HTTP client.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.1\\r\\nHost: 127.0.0.1:8080\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]

ENTRYPOINT ["patient-logger"]
CMD ["serve"]
