#pragma once
#include "onnxruntime_c_api.h"

// Go cannot call the function pointers of OrtApi: these do. A returned status
// is an error and is the caller's to release.

// gn_load opens the library, once a process. NULL, or why not, which is the
// caller's to free().
char *gn_load(const char *path, int log_level);
const char *gn_version(void);
OrtStatus *gn_available(char ***names, int *count);
void gn_release_available(char **names, int count);

const char *gn_status_message(OrtStatus *s);
int gn_status_code(OrtStatus *s);
void gn_release_status(OrtStatus *s);
void gn_free(void *p);

OrtStatus *gn_options(OrtSessionOptions **out, int threads, int level, int arena);
void gn_release_options(OrtSessionOptions *o);
OrtStatus *gn_options_entry(OrtSessionOptions *o, const char *key, const char *value);
OrtStatus *gn_options_optimized(OrtSessionOptions *o, const char *path);
OrtStatus *gn_options_profile(OrtSessionOptions *o, const char *prefix);
OrtStatus *gn_options_provider(OrtSessionOptions *o, int kind, const char *name, const char **keys, const char **values, size_t n);

OrtStatus *gn_session_bytes(const void *data, size_t n, OrtSessionOptions *o, OrtSession **out);
OrtStatus *gn_session_file(const char *path, OrtSessionOptions *o, OrtSession **out);
void gn_release_session(OrtSession *s);
OrtStatus *gn_count(OrtSession *s, int outputs, size_t *n);
// gn_describe: of input or output i its name (gn_free), kind, element type and
// rank, and at most max of its dimensions. rank is -1 where it is unknown.
OrtStatus *gn_describe(OrtSession *s, int outputs, size_t i, char **name, int *kind, int *element, int *rank, int64_t *dims, int max);
OrtStatus *gn_end_profiling(OrtSession *s, char **file);

OrtStatus *gn_tensor(void *data, size_t bytes, const int64_t *shape, size_t rank, int element, OrtValue **out);
OrtStatus *gn_string_tensor(const int64_t *shape, size_t rank, OrtValue **out);
// gn_string_buffer makes element i n bytes long and says where they are.
OrtStatus *gn_string_buffer(OrtValue *v, size_t i, size_t n, char **to);
void gn_release_value(OrtValue *v);
OrtStatus *gn_value_kind(OrtValue *v, int *kind);
OrtStatus *gn_value_shape(OrtValue *v, int *element, int *rank, int64_t *dims, int max);
OrtStatus *gn_value_data(OrtValue *v, void **data);
OrtStatus *gn_strings_length(OrtValue *v, size_t *n);
OrtStatus *gn_strings(OrtValue *v, void *to, size_t n, size_t *offsets, size_t count);
OrtStatus *gn_value_count(OrtValue *v, size_t *n);
OrtStatus *gn_value_at(OrtValue *v, int i, OrtValue **out);

OrtStatus *gn_run(OrtSession *s, const char **in_names, OrtValue **in, size_t n_in, const char **out_names, size_t n_out, OrtValue **out);
OrtStatus *gn_binding(OrtSession *s, const char **in_names, OrtValue **in, size_t n_in, const char **out_names, OrtValue **out, size_t n_out, OrtIoBinding **b);
OrtStatus *gn_run_binding(OrtSession *s, OrtIoBinding *b);
void gn_release_binding(OrtIoBinding *b);
