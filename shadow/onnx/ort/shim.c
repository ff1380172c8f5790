#include "shim.h"
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static const OrtApi *api;
static OrtEnv *env;
static OrtMemoryInfo *memory;
static OrtAllocator *allocator;
static const char *version = "";

#define TRY(call)                 \
  do {                            \
    OrtStatus *status_ = (call);  \
    if (status_) return status_;  \
  } while (0)

static char *copied(const char *text) {
  return strdup(text);
}

static char *fail(OrtStatus *s) {
  char *text = copied(api->GetErrorMessage(s));
  api->ReleaseStatus(s);
  api = NULL;
  return text;
}

static char *load(const char *path, int log_level) {
  if (api) return NULL;  // once a process
  void *library = dlopen(path, RTLD_LAZY);
  if (!library) return copied(dlerror());
  const OrtApiBase *(*base)(void) = (const OrtApiBase *(*)(void))dlsym(library, "OrtGetApiBase");
  if (!base) return copied("it is no ONNX Runtime: OrtGetApiBase is missing");
  // Older libraries offer older versions of the same table; the functions used
  // here have been in it since version 16.
  for (uint32_t v = ORT_API_VERSION; v >= 16 && !api; v--) api = base()->GetApi(v);
  if (!api) return copied("it is older than ONNX Runtime 1.16");
  version = base()->GetVersionString();
  OrtStatus *s = api->CreateEnv(log_level, "gnomon", &env);
  if (s) return fail(s);
  if ((s = api->DisableTelemetryEvents(env))) api->ReleaseStatus(s);  // not on every platform
  if ((s = api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory))) return fail(s);
  if ((s = api->GetAllocatorWithDefaultOptions(&allocator))) return fail(s);
  return NULL;
}

char *gn_load(const char *path, int log_level) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  char *failed = load(path, log_level);
  pthread_mutex_unlock(&mutex);
  return failed;
}

const char *gn_version(void) { return version; }

OrtStatus *gn_available(char ***names, int *count) { return api->GetAvailableProviders(names, count); }
void gn_release_available(char **names, int count) {
  OrtStatus *s = api->ReleaseAvailableProviders(names, count);
  if (s) api->ReleaseStatus(s);
}

const char *gn_status_message(OrtStatus *s) { return api->GetErrorMessage(s); }
int gn_status_code(OrtStatus *s) { return api->GetErrorCode(s); }
void gn_release_status(OrtStatus *s) { api->ReleaseStatus(s); }
void gn_free(void *p) { allocator->Free(allocator, p); }

OrtStatus *gn_options(OrtSessionOptions **out, int threads, int level, int arena) {
  TRY(api->CreateSessionOptions(out));
  TRY(api->SetIntraOpNumThreads(*out, threads));
  TRY(api->SetInterOpNumThreads(*out, 1));
  TRY(api->SetSessionGraphOptimizationLevel(*out, level));
  if (!arena) TRY(api->DisableCpuMemArena(*out));
  return NULL;
}
void gn_release_options(OrtSessionOptions *o) { api->ReleaseSessionOptions(o); }
OrtStatus *gn_options_entry(OrtSessionOptions *o, const char *key, const char *value) { return api->AddSessionConfigEntry(o, key, value); }
OrtStatus *gn_options_optimized(OrtSessionOptions *o, const char *path) { return api->SetOptimizedModelFilePath(o, path); }
OrtStatus *gn_options_profile(OrtSessionOptions *o, const char *prefix) { return api->EnableProfiling(o, prefix); }

static OrtStatus *cuda(OrtSessionOptions *o, const char **keys, const char **values, size_t n) {
  OrtCUDAProviderOptionsV2 *c = NULL;
  TRY(api->CreateCUDAProviderOptions(&c));
  OrtStatus *s = n ? api->UpdateCUDAProviderOptions(c, keys, values, n) : NULL;
  if (!s) s = api->SessionOptionsAppendExecutionProvider_CUDA_V2(o, c);
  api->ReleaseCUDAProviderOptions(c);
  return s;
}

static OrtStatus *tensorrt(OrtSessionOptions *o, const char **keys, const char **values, size_t n) {
  OrtTensorRTProviderOptionsV2 *t = NULL;
  TRY(api->CreateTensorRTProviderOptions(&t));
  OrtStatus *s = n ? api->UpdateTensorRTProviderOptions(t, keys, values, n) : NULL;
  if (!s) s = api->SessionOptionsAppendExecutionProvider_TensorRT_V2(o, t);
  api->ReleaseTensorRTProviderOptions(t);
  return s;
}

OrtStatus *gn_options_provider(OrtSessionOptions *o, int kind, const char *name, const char **keys, const char **values, size_t n) {
  switch (kind) {
    case 1: return cuda(o, keys, values, n);
    case 2: return tensorrt(o, keys, values, n);
    default: return api->SessionOptionsAppendExecutionProvider(o, name, keys, values, n);
  }
}

OrtStatus *gn_session_bytes(const void *data, size_t n, OrtSessionOptions *o, OrtSession **out) { return api->CreateSessionFromArray(env, data, n, o, out); }
OrtStatus *gn_session_file(const char *path, OrtSessionOptions *o, OrtSession **out) { return api->CreateSession(env, path, o, out); }
void gn_release_session(OrtSession *s) { api->ReleaseSession(s); }

OrtStatus *gn_count(OrtSession *s, int outputs, size_t *n) { return outputs ? api->SessionGetOutputCount(s, n) : api->SessionGetInputCount(s, n); }

static OrtStatus *shape(const OrtTensorTypeAndShapeInfo *info, int *element, int *rank, int64_t *dims, int max) {
  enum ONNXTensorElementDataType e;
  size_t n = 0;
  TRY(api->GetTensorElementType(info, &e));
  TRY(api->GetDimensionsCount(info, &n));
  *element = e;
  *rank = (int)n;
  return n ? api->GetDimensions(info, dims, n < (size_t)max ? n : (size_t)max) : NULL;
}

static OrtStatus *describe(OrtTypeInfo *t, int *kind, int *element, int *rank, int64_t *dims, int max) {
  enum ONNXType k;
  const OrtTensorTypeAndShapeInfo *info = NULL;
  TRY(api->GetOnnxTypeFromTypeInfo(t, &k));
  *kind = k;
  *element = 0;
  *rank = -1;
  TRY(api->CastTypeInfoToTensorInfo(t, &info));
  if (k == ONNX_TYPE_TENSOR && info) TRY(shape(info, element, rank, dims, max));
  return NULL;
}

OrtStatus *gn_describe(OrtSession *s, int outputs, size_t i, char **name, int *kind, int *element, int *rank, int64_t *dims, int max) {
  OrtTypeInfo *t = NULL;
  TRY(outputs ? api->SessionGetOutputTypeInfo(s, i, &t) : api->SessionGetInputTypeInfo(s, i, &t));
  OrtStatus *status = describe(t, kind, element, rank, dims, max);
  api->ReleaseTypeInfo(t);
  if (status) return status;
  return outputs ? api->SessionGetOutputName(s, i, allocator, name) : api->SessionGetInputName(s, i, allocator, name);
}

OrtStatus *gn_end_profiling(OrtSession *s, char **file) { return api->SessionEndProfiling(s, allocator, file); }

OrtStatus *gn_tensor(void *data, size_t bytes, const int64_t *dims, size_t rank, int element, OrtValue **out) {
  return api->CreateTensorWithDataAsOrtValue(memory, data, bytes, dims, rank, element, out);
}
OrtStatus *gn_string_tensor(const int64_t *dims, size_t rank, OrtValue **out) {
  return api->CreateTensorAsOrtValue(allocator, dims, rank, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, out);
}
OrtStatus *gn_string_buffer(OrtValue *v, size_t i, size_t n, char **to) { return api->GetResizedStringTensorElementBuffer(v, i, n, to); }
void gn_release_value(OrtValue *v) { api->ReleaseValue(v); }

OrtStatus *gn_value_kind(OrtValue *v, int *kind) {
  enum ONNXType k;
  TRY(api->GetValueType(v, &k));
  *kind = k;
  return NULL;
}
OrtStatus *gn_value_shape(OrtValue *v, int *element, int *rank, int64_t *dims, int max) {
  OrtTensorTypeAndShapeInfo *info = NULL;
  TRY(api->GetTensorTypeAndShape(v, &info));
  OrtStatus *s = shape(info, element, rank, dims, max);
  api->ReleaseTensorTypeAndShapeInfo(info);
  return s;
}
OrtStatus *gn_value_data(OrtValue *v, void **data) { return api->GetTensorMutableData(v, data); }
OrtStatus *gn_strings_length(OrtValue *v, size_t *n) { return api->GetStringTensorDataLength(v, n); }
OrtStatus *gn_strings(OrtValue *v, void *to, size_t n, size_t *offsets, size_t count) { return api->GetStringTensorContent(v, to, n, offsets, count); }
OrtStatus *gn_value_count(OrtValue *v, size_t *n) { return api->GetValueCount(v, n); }
OrtStatus *gn_value_at(OrtValue *v, int i, OrtValue **out) { return api->GetValue(v, i, allocator, out); }

OrtStatus *gn_run(OrtSession *s, const char **in_names, OrtValue **in, size_t n_in, const char **out_names, size_t n_out, OrtValue **out) {
  return api->Run(s, NULL, in_names, (const OrtValue *const *)in, n_in, out_names, n_out, out);
}

OrtStatus *gn_binding(OrtSession *s, const char **in_names, OrtValue **in, size_t n_in, const char **out_names, OrtValue **out, size_t n_out, OrtIoBinding **b) {
  TRY(api->CreateIoBinding(s, b));
  for (size_t i = 0; i < n_in; i++) TRY(api->BindInput(*b, in_names[i], in[i]));
  for (size_t i = 0; i < n_out; i++) TRY(api->BindOutput(*b, out_names[i], out[i]));
  return NULL;
}
OrtStatus *gn_run_binding(OrtSession *s, OrtIoBinding *b) { return api->RunWithBinding(s, NULL, b); }
void gn_release_binding(OrtIoBinding *b) { if (b) api->ReleaseIoBinding(b); }
