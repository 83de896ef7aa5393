"""Settings of [schema] and [arize] that the SDK would refuse together are faults."""

import pytest

from tests.harness.config_file import faults_of

BOXES = '[schema.object_detection.prediction]\nboxes = "b"\ncategories = "c"\n'
ACTUAL_BOXES = '[schema.object_detection.actual]\nboxes = "ab"\ncategories = "ac"\n'
POLYGONS = '[schema.semantic_segmentation.prediction]\npolygons = "p"\ncategories = "c"\n'
RANKING = '[schema.ranking]\ngroup = "g"\nrank = "r"\n'


def model(name: str, environment: str = "production") -> str:
    batch = 'batch_id = "b"\n' if environment == "validation" else ""
    return f'[arize]\nmodel_type = "{name}"\nenvironment = "{environment}"\n{batch}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        model("score_categorical", "training"),
        model("regression", "validation"),
        model("multi_class"),
        model("multi_class", "training") + '[schema]\nthreshold_scores = "t"\n',
        model("ranking", "validation") + RANKING,
        model("ranking")
        + '[schema]\nprediction_label = ""\nprediction_score = ""\n[schema.ranking]\nrelevance_score = "s"\n',
        model("object_detection") + BOXES,
        model("object_detection") + ACTUAL_BOXES,
        model("object_detection", "training") + BOXES + ACTUAL_BOXES,
        model("object_detection") + POLYGONS,
        '[schema]\nshap = "shap_*"\n',
        '[schema.shap]\nage = "age_shap"\n"*" = "effect.*"\n',
        '[schema]\ntags = ["prediction_id", "region"]\n',
        "[schema.embeddings.text]\nvector = 'v'\ndata = 'd'\n[schema.embeddings.image]\nvector = 'w'\nlink = 'url'\n",
        '[schema]\ntags = ["t"]\n[schema.types]\nprediction_ts = "integer"\nt = "string"\n"f.*" = "list of strings"\n',
        # A wildcard that can't reach a column is not a fault: the rules of column_types say what it reaches.
        '[schema.types]\n"*" = "list of strings"\n[schema.conflicts]\n"*" = "null"\n',
        '[schema.types]\n"*" = "float"\n[schema.conflicts]\n"*" = "text"\nprediction_id = "text"\n',
        '[schema]\nunknown = "ignore"\n[schema.conflicts]\nprediction_score = "null"\nx = "dead_letter"\n',
    ],
)
def test_settings_that_can_be_combined_pass(text: str) -> None:
    assert faults_of(text) == []


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        (model("regression") + RANKING, "[schema] ranking belongs to model type ranking, not to regression"),
        (model("ranking") + RANKING + BOXES, "[schema] object_detection belongs to model type object_detection"),
        ('[schema]\nthreshold_scores = "t"\n', "[schema] threshold_scores belongs to model type multi_class"),
        (
            model("multi_class") + '[schema]\nprediction_label = "l"\n',
            "[schema] prediction_label: a model of type multi",
        ),
        (
            model("object_detection") + BOXES + '[schema]\nactual_score = "s"\n',
            "[schema] actual_score: a model of type",
        ),
        (model("ranking"), "[schema] ranking.group and ranking.rank are missing"),
        (model("ranking") + '[schema.ranking]\nrank = "r"\n', "[schema] ranking.group is missing"),
        (
            model("ranking") + RANKING + 'relevance_labels = "l"\nattributions = "a"\n',
            "[schema] ranking.attributions: Arize takes relevance_labels or attributions",
        ),
        (model("object_detection"), "[schema] a model of type object_detection needs exactly one of"),
        (
            model("object_detection") + BOXES + POLYGONS,
            "[schema] a model of type object_detection needs exactly one of",
        ),
        (model("object_detection", "training") + BOXES, "[schema] object_detection: environment training needs both"),
        (
            model("multi_class") + '[schema]\nprediction_score = ""\nthreshold_scores = "t"\n',
            "[schema] threshold_scores needs prediction_score",
        ),
        (
            model("multi_class") + '[schema]\nprediction_score = ""\nactual_score = ""\n',
            "[schema] a model of type multi_class needs prediction_score or actual_score",
        ),
        (
            model("multi_class", "training") + '[schema]\nactual_score = ""\n',
            "[schema] environment training needs both prediction_score and actual_score",
        ),
        (
            model("regression", "training") + '[schema]\nactual_label = ""\nactual_score = ""\n',
            "[schema] environment training needs a prediction's and an actual's label or score",
        ),
        (
            '[schema]\nprediction_label = ""\nprediction_score = ""\nactual_label = ""\nactual_score = ""\n',
            "[schema] no prediction, actual or SHAP column is left to send",
        ),
        (
            '[schema]\nprediction_id = ""\nprediction_label = ""\nprediction_score = ""\n',
            "[schema] prediction_id is missing: actuals without predictions are joined by it",
        ),
        ('[arize]\nenvironment = "validation"\n', "[arize] batch_id is missing"),
        ('[arize]\nenvironment = "validation"\nbatch_id = " "\n', "[arize] batch_id is missing"),
        ('[arize]\nbatch_id = "b"\n', "[arize] batch_id belongs to environment validation, not to production"),
        ('[arize]\nenvironment = "corpus"\n', '[arize] environment: "production", "training" or'),
        ('[arize]\nmodel_type = "generative_llm"\n', '[arize] model_type: "binary_classification"'),
        ('[schema]\ntags = ["a_shap"]\n', '[schema] tags: "a_shap" ends in _shap'),
        ('[schema]\nfeatures = ["a_shap"]\n', '[schema] features: "a_shap" ends in _shap'),
        ('[schema.shap]\na_shap = "b"\n', '[schema] shap: "a_shap" ends in _shap'),
        ("[schema.embeddings.e]\nvector = 'v_shap'\n", '[schema] embeddings.e.vector: "v_shap" ends in _shap'),
        ('[schema.shap]\n"*" = "x"\n', '[schema] shap: "*" = "x": a feature and its column, or one * in each'),
        ('[schema]\nshap = "a*b*"\n', '[schema] shap: "*" = "a*b*": a feature and its column, or one * in each'),
        ("[schema.embeddings.e]\nvector = ''\n", "[schema] embeddings.e.vector: it is empty"),
        ("[schema.embeddings.e]\nvctor = 'v'\n", "[schema] embeddings.e.vctor: unknown key"),
        ("[schema.object_detection.actual]\nboxs = 'v'\n", "[schema] object_detection.actual.boxs: unknown key"),
        (
            '[schema]\ntags = ["v"]\n[schema.embeddings.e]\nvector = "v"\n',
            '[schema] tags: "v" is embeddings.e.vector too; no value is both',
        ),
        (
            '[schema.types]\nprediction_score = "string"\n',
            '[schema] types: "prediction_score" = "string", but [schema]',
        ),
        ('[schema.types]\nprediction_id = "float"\n', '[schema] types: "prediction_id" = "float", but [schema]'),
        ('[schema]\ntimestamp_unit = "ms"\n[schema.types]\nprediction_ts = "string"\n', "[schema] types: "),
        (
            '[schema]\ntags = ["t*"]\n[schema.types]\nt1 = "list of strings"\n',
            '[schema] types: "t1" = "list of strings", but [schema] tags takes boolean or float or integer or string',
        ),
        (
            '[schema.embeddings.e]\nvector = "v"\n[schema.types]\nv = "list of strings"\n',
            '[schema] types: "v" = "list of strings", but [schema] embeddings.e.vector takes list of numbers',
        ),
        ('[schema]\nconstants = {c = 1}\n[schema.types]\nc = "float"\n', '[schema] types: "c" comes from'),
        ('[schema]\nhash = ["u.*"]\n[schema.types]\n"u.x" = "float"\n', '[schema] types: "u.x" = "float", but'),
        ('[schema.types]\nx = "int"\n', '[schema] types: "x" = "int": did you mean integer?'),
        ('[schema.types]\nx = "timestamp"\n', '[schema] types: "x" = "timestamp": not a type to pin: the timestamp'),
        ('[schema.types]\nx = "list of numbers"\n', '[schema] types: "x" = "list of numbers": not a type to pin: vec'),
        ('[schema.types]\nx = "complex"\n', '[schema] types: "x" = "complex": known: boolean, integer, float'),
        ("[schema.types]\nx = 3\n", '[schema] types: "x" = 3: known: boolean'),
        ('[schema.types]\nfeatures.age = "integer"\n', '[schema] types: "features" is a table; write a dotted name in'),
        ('[schema.types]\n"" = "integer"\n', "[schema] types: a name is empty"),
        ('[schema]\ntypes = "integer"\n', "[schema] types: it is a table of columns"),
        ('[schema.conflicts]\nx = "nul"\n', '[schema] conflicts: "x" = "nul": did you mean null?'),
        ('[schema.conflicts]\nprediction_id = "null"\n', '[schema] conflicts: "prediction_id" = "null", but Arize'),
        ('[schema.conflicts]\nprediction_ts = "null"\n', '[schema] conflicts: "prediction_ts" = "null", but Arize'),
        ('[schema.conflicts]\nprediction_ts = "text"\n', '[schema] conflicts: "prediction_ts" = "text", but'),
        ('[schema.conflicts]\nprediction_score = "text"\n', '[schema] conflicts: "prediction_score" = "text", but'),
        ('[schema.types]\nx = "float"\n[schema.conflicts]\nx = "text"\n', '[schema] conflicts: "x" = "text" makes'),
        ('[schema]\nunknown = "drop"\n', '[schema] unknown: "send", "ignore" or "dead_letter"'),
        (
            "\n".join(f"[schema.embeddings.e{number}]\nvector = 'v{number}'" for number in range(31)),
            "[schema] embeddings: 31 of them; Arize takes 30 at most",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_faults(text: str, beginning: str) -> None:
    assert [fault for fault in faults_of(text) if fault.startswith(beginning)], faults_of(text)
