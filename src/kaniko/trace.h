/*
 * trace: the steps of a build as spans of one trace, for a collector that speaks OTLP over HTTP
 * (JSON). Asked for by KANIKO_TELEMETRY_ENDPOINT: an address without a path gets /v1/traces.
 * OTEL_EXPORTER_OTLP_HEADERS and OTEL_RESOURCE_ATTRIBUTES are "key=value,…", percent-encoded;
 * KANIKO_TELEMETRY_OMIT_DOCKERFILE leaves the instructions' text out. What programs print is never
 * part of it.
 *
 * Floor: kaniko. One thread at a time.
 * Spec: OTLP 1.x, "OTLP/HTTP Request", JSON Protobuf encoding; W3C Baggage for the lists.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/vec.h"
#include "registry/url.h"
#include "ui/vertices.h"

struct http_client;
struct kaniko_trace;

/* *ret stays NULL when nobody asked. Every wrong variable is error_usage naming it. */
FALLIBLE trace_open(struct kaniko_trace **ret);
/* What the vertices of a build came to; epoch_ns: the wall clock of their time 0. NULL is fine. */
void trace_take(struct kaniko_trace *trace, const struct vertices *vertices, uint64_t epoch_ns);
/*
 * Send it: failed (may be NULL) is the error that ended the build; client (may be NULL) as in
 * send.h.
 */
FALLIBLE trace_send(const struct kaniko_trace *trace, const struct error *failed,
		struct http_client *client);
/* The document, for tests. New; free(). */
char *trace_json(const struct kaniko_trace *trace, const struct error *failed);
void trace_free(struct kaniko_trace *trace);

DEFINE_AUTO_PTR(kaniko_trace, trace_free)
