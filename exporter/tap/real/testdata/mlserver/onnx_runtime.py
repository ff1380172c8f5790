"""MLServer custom runtime: one ONNX file through onnxruntime."""
import numpy as np
import onnxruntime as ort
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse
from mlserver.utils import get_model_uri


class OnnxModel(MLModel):
    async def load(self) -> bool:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(await get_model_uri(self._settings), options, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload):
        feed = {i.name: NumpyCodec.decode_input(i) for i in payload.inputs}
        outputs = self.session.run(None, feed)
        names = [o.name for o in self.session.get_outputs()]
        return InferenceResponse(model_name=self.name, model_version=self.version, id=payload.id,
                                 outputs=[NumpyCodec.encode_output(n, np.asarray(o)) for n, o in zip(names, outputs)])
