//! The scripts that come with the data: the examples of this repository that run on the demo bank.

/// The path below the demo's folder, and the text. Paths inside a script hold there.
pub const SCRIPTS: [(&str, &str); 14] = [
    ("retail.seg", include_str!("../../examples/retail/retail.seg")),
    ("retail_zh.seg", include_str!("../../examples/retail/retail_zh.seg")),
    ("portrait/portrait.seg", include_str!("../../examples/portrait/portrait.seg")),
    ("portrait/portrait_zh.seg", include_str!("../../examples/portrait/portrait_zh.seg")),
    ("scenarios/scenarios.seg", include_str!("../../examples/scenarios/scenarios.seg")),
    ("scenarios/scenarios_zh.seg", include_str!("../../examples/scenarios/scenarios_zh.seg")),
    ("wealth/wealth.seg", include_str!("../../examples/wealth/wealth.seg")),
    ("wealth/wealth_zh.seg", include_str!("../../examples/wealth/wealth_zh.seg")),
    ("citybank/tree.seg", include_str!("../../examples/citybank/tree.seg")),
    ("citybank/tree_zh.seg", include_str!("../../examples/citybank/tree_zh.seg")),
    ("lifecycle/lifecycle.seg", include_str!("../../examples/lifecycle/lifecycle.seg")),
    ("lifecycle/lifecycle_zh.seg", include_str!("../../examples/lifecycle/lifecycle_zh.seg")),
    ("signals/signals.seg", include_str!("../../examples/signals/signals.seg")),
    ("signals/signals_zh.seg", include_str!("../../examples/signals/signals_zh.seg")),
];
