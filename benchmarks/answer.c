/* Calls of an export's signatures through TensorFlow's C interface, as Go, Java and Rust make them.

   answer EXPORT LIBRARIES INPUT=STRING [INPUT=STRING] OUTPUT … [-- INPUT=STRING … OUTPUT …] …

   LIBRARIES: of tensorflow-text's operations, with commas between. INPUT, OUTPUT: operation:index, as in
   saved_model.pb; an INPUT with a + before it is [1, 1], the others are [1]. After -- comes another call. Prints the
   first element of every output, a line each, of strings what is not ASCII as \xHH; exits with 1 and a message if
   TensorFlow complains. With ANSWER_FAST in the environment, graphs are run as they are. */

#include "saved_session.h"

static TF_Status *status;

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

static TF_SessionOptions *make_options(void) {
  /* A ConfigProto: graph_options { rewrite_options { disable_meta_optimizer: true } } */
  static const unsigned char as_they_are[] = {0x52, 5, 0x52, 3, 0x98, 1, 1};
  TF_SessionOptions *options = TF_NewSessionOptions();
  if (getenv("ANSWER_FAST")) TF_SetConfig(options, as_they_are, sizeof as_they_are, status);
  require(status, "options");
  return options;
}

/* One call; returns how many arguments it has read. */
static int answer(TF_Session *session, TF_Graph *graph, int count, char **arguments) {
  enum { MOST = 32 };
  TF_Output inputs[MOST], outputs[MOST];
  TF_Tensor *given[MOST], *found[MOST];
  int input_count = 0, output_count = 0, place = 0;
  for (; place < count && place < MOST && strcmp(arguments[place], "--"); place++) {
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
  require(status, "run");
  for (int output = 0; output < output_count; output++) print_first(found[output]);
  return place;
}

int main(int count, char **arguments) {
  status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_Session *session = open_export(arguments[1], arguments[2], make_options(), graph);
  for (int place = 3; place < count; place++) place += answer(session, graph, count - place, arguments + place);
  return 0;
}
