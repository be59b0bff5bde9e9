"""QLoRA: LoRA beside layers that are held in four bits a value."""

from collections.abc import Mapping

from studio.core.knobs import Value
from studio.core.sheets import Sheet
from studio.methods.lora import Lora
from studio.methods.quantisation import QUANTISATION_KNOBS, require_quantisation
from studio.methods.sites import Site


class QLora(Lora):
    """Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs", 2023.

    All linear layers are quantised but the output head, also those that ``targets`` leaves out.
    """

    id = "qlora"
    knobs = (*Lora.knobs, *QUANTISATION_KNOBS)

    def sites(self, sheet: Sheet, values: Mapping[str, Value]) -> tuple[Site, ...]:
        """As for LoRA; raises UserMistake also where the library that quantises is missing."""
        require_quantisation()
        return super().sites(sheet, values)

    def notes(self, sheet: Sheet, values: Mapping[str, Value]) -> tuple[str, ...]:
        """Whose answers the original's are; and whether most of the model stays as large."""
        quantised = sum(layer.inputs * layer.outputs for layer in sheet.linears())
        return ("qlora_base", "qlora_little") if 2 * quantised < sheet.total else ("qlora_base",)
