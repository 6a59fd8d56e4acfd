# One program, on a base that has neither a shell nor a package manager.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# A new volume takes its owner from the folder of the image that it lies over.
RUN cargo build --release --locked --package sealpost --bin sealpost \
    && mkdir -p /out/keys \
    && mv target/release/sealpost /out/

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build --chown=65532:65532 /out/keys /keys
COPY --from=build /out/sealpost /usr/local/bin/sealpost
ENV SEALPOST_CONFIG=/etc/sealpost/sealpost.toml
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/sealpost"]
CMD ["work", "all"]
