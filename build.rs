//! Tells the linker how a Node addon is linked on each platform.
fn main() {
    if std::env::var_os("CARGO_FEATURE_BRIDGE").is_some() {
        napi_build::setup();
    }
}
