# Sluice as an image: docker build -t sluice . && docker run --rm sluice --help
# Jobs and their files are found from /work: docker run --rm -v "$PWD:/work" sluice run job.yaml
FROM node:24-slim AS build
WORKDIR /sluice
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/
COPY src src
COPY connectors connectors
RUN node scripts/build.ts && npm prune --omit=dev --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production
COPY --from=build /sluice/package.json /sluice/
COPY --from=build /sluice/node_modules /sluice/node_modules
COPY --from=build /sluice/dist /sluice/dist
COPY bin /sluice/bin
COPY config /sluice/config
COPY models/*.json /sluice/models/
COPY LICENSE CHANGELOG.md /sluice/
RUN mkdir /work && chown node:node /work
WORKDIR /work
USER node
ENTRYPOINT ["node", "/sluice/bin/sluice.js"]
CMD ["--help"]
