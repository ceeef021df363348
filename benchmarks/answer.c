/* One call of an export's signature through TensorFlow's C interface, as Go, Java and Rust make it.

   answer EXPORT LIBRARIES INPUT=STRING [INPUT=STRING] OUTPUT …

   LIBRARIES: of tensorflow-text's operations, with commas between. INPUT, OUTPUT: operation:index, as in
   saved_model.pb; an INPUT with a + before it is [1, 1], the others are [1]. Prints the first element of every output,
   a line each, of strings what is not ASCII as \xHH; exits with 1 and a message if TensorFlow complains. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

static TF_Status *status;

static void require(const char *what) {
  if (TF_GetCode(status) != TF_OK) {
    fprintf(stderr, "%s: %s\n", what, TF_Message(status));
    exit(1);
  }
}

static TF_Output find(TF_Graph *graph, char *name) {
  char *colon = strchr(name, ':');
  *colon = 0;
  TF_Output output = {TF_GraphOperationByName(graph, name), atoi(colon + 1)};
  if (!output.oper) {
    fprintf(stderr, "no operation %s\n", name);
    exit(1);
  }
  return output;
}

static TF_Tensor *make_string(const char *text, int rank) {
  int64_t sizes[2] = {1, 1};
  TF_Tensor *tensor = TF_AllocateTensor(TF_STRING, sizes, rank, sizeof(TF_TString));
  TF_TString *string = TF_TensorData(tensor);
  TF_StringInit(string);
  TF_StringCopy(string, text, strlen(text));
  return tensor;
}

/* On one line, whatever it holds. */
static void print_string(const TF_TString *string) {
  const unsigned char *text = (const unsigned char *)TF_StringGetDataPointer(string);
  for (size_t place = 0; place < TF_StringGetSize(string); place++) {
    if (text[place] < 32 || text[place] > 126 || text[place] == 92)
      printf("\\x%02x", text[place]);
    else
      putchar(text[place]);
  }
  putchar(10);
}

static void print_first(TF_Tensor *tensor) {
  void *data = TF_TensorData(tensor);
  switch (TF_TensorType(tensor)) {
    case TF_STRING:
      print_string(data);
      break;
    case TF_FLOAT:
      printf("%.9g\n", *(float *)data);
      break;
    case TF_INT32:
      printf("%d\n", *(int32_t *)data);
      break;
    case TF_BOOL:
      printf("%d\n", *(unsigned char *)data);
      break;
    default:
      printf("?\n");
  }
}

int main(int count, char **arguments) {
  enum { MOST = 32 };
  TF_Output inputs[MOST], outputs[MOST];
  TF_Tensor *given[MOST], *found[MOST];
  int input_count = 0, output_count = 0;
  status = TF_NewStatus();
  for (char *path = strtok(arguments[2], ","); path; path = strtok(NULL, ",")) {
    TF_LoadLibrary(path, status);
    require(path);
  }
  TF_Graph *graph = TF_NewGraph();
  const char *tags[] = {"serve"};
  TF_Session *session =
      TF_LoadSessionFromSavedModel(TF_NewSessionOptions(), NULL, arguments[1], tags, 1, graph, NULL, status);
  require(arguments[1]);
  for (int place = 3; place < count && place - 3 < MOST; place++) {
    char *text = strchr(arguments[place], '=');
    if (text) {
      int rank = arguments[place][0] == '+' ? 2 : 1;
      *text = 0;
      inputs[input_count] = find(graph, arguments[place] + rank - 1);
      given[input_count++] = make_string(text + 1, rank);
    } else {
      outputs[output_count++] = find(graph, arguments[place]);
    }
  }
  TF_SessionRun(session, NULL, inputs, given, input_count, outputs, found, output_count, NULL, 0, NULL, status);
  require("run");
  for (int place = 0; place < output_count; place++) print_first(found[place]);
  return 0;
}
