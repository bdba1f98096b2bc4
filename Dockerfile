# Not built yet: written where no Docker was at hand.
#
# An image with the release binary and nothing else of the build.
#
#   docker build -t tenantry .
#   docker run --rm -p 127.0.0.1:8080:8080 -v tenantry:/data -e TENANTRY_HTTP_ADDRESS=0.0.0.0:8080 \
#       -e TENANTRY_HTTP_PLAINTEXT_REMOTE=true tenantry
#
# In the container the doors listen on loopback, as everywhere, until their addresses are set. A door that other machines reach
# wants TLS (tls.certificate, tls.key) or to be told that plain text is meant, as above.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked && strip target/release/tenantry

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /data tenantry && install -d -o tenantry -m 0700 /data
COPY --from=build /src/target/release/tenantry /usr/local/bin/tenantry
USER tenantry
VOLUME /data
ENV TENANTRY_DATA=/data
EXPOSE 8080 5433 8815
ENTRYPOINT ["tenantry"]
CMD ["serve"]
