//! Stands in for the crate `cmake`: builds libopus, and nothing else, with a C compiler alone.
//!
//! `opusic-sys` brings the sources of libopus and has the crate `cmake` build them, which needs a CMake installed. The
//! workspace replaces that crate by this one (`[patch.crates-io]`), so that a clone needs Rust and a C compiler only.
//! It has as much of the crate's interface as `opusic-sys` calls.
//!
//! Invariant: a definition that would make another library than the one built here ends the build, so that an update
//! of `opusic-sys` cannot silently get something else than it asks for.

mod patch;
mod patches;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Definitions of libopus's CMakeLists.txt, with the only value that is built.
const BUILT: [(&str, &str); 7] = [
    ("OPUS_DRED", "OFF"),
    ("OPUS_OSCE", "OFF"),
    ("OPUS_FIXED_POINT", "OFF"),
    ("OPUS_DISABLE_INTRINSICS", "OFF"),
    ("OPUS_HARDENING", "ON"),
    ("OPUS_STACK_PROTECTOR", "ON"),
    ("OPUS_FORTIFY_SOURCE", "ON"),
];
/// Definitions without a meaning here: CMake's own, where to install, and the C runtime, which follows from the target.
const NEUTRAL: [&str; 3] = ["CMAKE_", "OPUS_INSTALL_", "OPUS_STATIC_RUNTIME"];

/// libopus's version for AVX2 of what `avx2/noise_shape_quantizer.c` does.
const QUANTIZER: &str = "silk/x86/NSQ_del_dec_avx2.c";
/// Compiled under another name: `choice.c` has the function, and chooses between that and `avx2/nlsf_encode.c`.
const NLSF_ENCODE: &str = "silk/NLSF_encode.c";
/// What is faster here than in libopus.
const AVX2: &[(&str, &str)] = &[
    ("noise_shape_quantizer.c", include_str!("avx2/noise_shape_quantizer.c")),
    ("nlsf_encode.c", include_str!("avx2/nlsf_encode.c")),
    ("shape_correlations.c", include_str!("avx2/shape_correlations.c")),
    ("analysis_phases.c", include_str!("avx2/analysis_phases.c")),
    ("transients.c", include_str!("avx2/transients.c")),
    ("recursions.c", include_str!("avx2/recursions.c")),
    ("samples.c", include_str!("avx2/samples.c")),
    ("analysis_network.c", include_str!("avx2/analysis_network.c")),
    ("analysis_half_rate.c", include_str!("avx2/analysis_half_rate.c")),
    ("analysis_bands.c", include_str!("avx2/analysis_bands.c")),
    ("fft.c", include_str!("avx2/fft.c")),
    ("mdct.c", include_str!("avx2/mdct.c")),
    ("decode_core.c", include_str!("avx2/decode_core.c")),
    ("lsf_roots.c", include_str!("avx2/lsf_roots.c")),
    ("lpc_residual.c", include_str!("avx2/lpc_residual.c")),
    ("resamplers.c", include_str!("avx2/resamplers.c")),
    ("burg.c", include_str!("avx2/burg.c")),
];
/// What several of them include.
const VECTORS: (&str, &str) = ("vectors.h", include_str!("avx2/vectors.h"));
const CHOICE: (&str, &str) = ("choice.c", include_str!("choice.c"));

/// A build of libopus.
pub struct Config {
    sources: PathBuf,
}

impl Config {
    /// Builds the sources in `path`, relative to the package that asks.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let package = env::var_os("CARGO_MANIFEST_DIR").expect("called from a build script");
        Self { sources: Path::new(&package).join(path) }
    }

    /// Checks a definition.
    pub fn define(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        let (name, value) = (name.as_ref().to_string_lossy(), value.as_ref().to_string_lossy());
        match BUILT.iter().find(|(known, _)| *known == name) {
            Some((_, built)) => assert_eq!(value, *built, "{name} is built in one way only"),
            None => assert!(is_neutral(&name), "{name} is unknown here"),
        }
        self
    }

    /// Ignored: an argument of CMake.
    pub fn configure_arg(&mut self, _: impl AsRef<OsStr>) -> &mut Self {
        self
    }

    /// Ignored: an environment variable of CMake.
    pub fn env(&mut self, _: impl AsRef<OsStr>, _: impl AsRef<OsStr>) -> &mut Self {
        self
    }

    /// Ignored: the generator of CMake.
    pub fn generator(&mut self, _: impl AsRef<OsStr>) -> &mut Self {
        self
    }

    /// Compiles the library into `lib` of the folder that is returned.
    pub fn build(&mut self) -> PathBuf {
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("called from a build script"));
        let lists = Lists::read(&self.sources);
        let target = Target::current();
        let mut objects = Vec::new();
        for group in target.groups() {
            let files = group.lists.iter().flat_map(|list| lists.files(list));
            let mut compiler = target.compiler(&self.sources, group.flags);
            if target.arch == Arch::X64 {
                let as_it_is =
                    files.filter(|file| [QUANTIZER, NLSF_ENCODE].iter().all(|name| *file != self.sources.join(name)));
                compiler.files(as_it_is.map(|file| patch::patched(&self.sources, &file, &out.join("patched"))));
            } else {
                compiler.files(files);
            }
            objects.extend(compiler.compile_intermediates());
        }
        if target.arch == Arch::X64 {
            objects.extend(self.faster(&target, &out.join("faster")));
        }
        let lib = out.join("lib");
        fs::create_dir_all(&lib).expect("OUT_DIR can be written");
        cc::Build::new().cargo_metadata(false).objects(objects).out_dir(lib).compile("opus");
        out
    }

    /// What is not libopus's own, with what chooses it.
    fn faster(&self, target: &Target, out: &Path) -> Vec<PathBuf> {
        fs::create_dir_all(out).expect("OUT_DIR can be written");
        let written = |(name, text): (&str, &str)| {
            fs::write(out.join(name), text).expect("OUT_DIR can be written");
            out.join(name)
        };
        written(VECTORS);
        let mut avx2 = target.compiler(&self.sources, target.avx2());
        avx2.files(AVX2.iter().copied().map(written));
        if !target.msvc {
            // As without AVX2, but for what is written as fused.
            avx2.flag("-ffp-contract=off").flag("-Werror=implicit-function-declaration");
        }
        let mut any = target.compiler(&self.sources, &[]);
        any.define("silk_NLSF_encode", "silk_NLSF_encode_any").file(self.sources.join(NLSF_ENCODE));
        let mut choice = target.compiler(&self.sources, &[]);
        choice.file(written(CHOICE));
        [avx2, any, choice].iter().flat_map(cc::Build::compile_intermediates).collect()
    }
}

/// Which instructions may be used follows from the target, so what is asked about them is neutral too.
fn is_neutral(name: &str) -> bool {
    name.contains("_PRESUME_") || name.contains("_MAY_HAVE_") || NEUTRAL.iter().any(|prefix| name.starts_with(prefix))
}

/// The lists of files in libopus's `*_sources.mk`.
struct Lists<'a> {
    sources: &'a Path,
    text: String,
}

impl<'a> Lists<'a> {
    fn read(sources: &'a Path) -> Self {
        let read = |part| {
            let path = sources.join(format!("{part}_sources.mk"));
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        Self { sources, text: ["opus", "celt", "silk"].map(read).join("\n") }
    }

    /// The files of one list: `NAME = a.c \` and so on until a line without a backslash.
    fn files(&self, name: &str) -> Vec<PathBuf> {
        let heads = |line: &&str| line.split_once('=').is_some_and(|(left, _)| left.trim() == name);
        let mut files = Vec::new();
        for line in self.text.lines().skip_while(|line| !heads(line)) {
            let items = line.split_once('=').map_or(line, |(_, items)| items).trim();
            files.extend(items.trim_end_matches('\\').split_whitespace().map(|file| self.sources.join(file)));
            if !items.ends_with('\\') {
                break;
            }
        }
        assert!(!files.is_empty(), "libopus has no list {name}");
        files
    }
}

/// Files that are compiled with the same flags.
struct Group {
    lists: &'static [&'static str],
    flags: &'static [&'static str],
}

#[derive(PartialEq, Eq)]
enum Arch {
    /// SSE2 always; SSE4.1 and AVX2 where the processor turns out to have them.
    X64,
    /// NEON always.
    Arm64,
    Other,
}

struct Target {
    arch: Arch,
    windows: bool,
    msvc: bool,
}

impl Target {
    fn current() -> Self {
        let cfg = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
        let arch = match cfg("ARCH").as_str() {
            "x86_64" => Arch::X64,
            "aarch64" => Arch::Arm64,
            _ => Arch::Other,
        };
        Self { arch, windows: cfg("OS") == "windows", msvc: cfg("ENV") == "msvc" }
    }

    fn groups(&self) -> Vec<Group> {
        let lists: &[&str] =
            &["OPUS_SOURCES", "OPUS_SOURCES_FLOAT", "CELT_SOURCES", "SILK_SOURCES", "SILK_SOURCES_FLOAT"];
        let mut groups = vec![Group { lists, flags: &[] }];
        match self.arch {
            Arch::X64 => groups.extend([
                Group {
                    lists: &["CELT_SOURCES_X86_RTCD", "SILK_SOURCES_X86_RTCD", "CELT_SOURCES_SSE", "CELT_SOURCES_SSE2"],
                    flags: &[],
                },
                Group {
                    lists: &["CELT_SOURCES_SSE4_1", "SILK_SOURCES_SSE4_1"],
                    flags: if self.msvc { &[] } else { &["-msse4.1"] },
                },
                Group {
                    lists: &["CELT_SOURCES_AVX2", "SILK_SOURCES_AVX2", "SILK_SOURCES_FLOAT_AVX2"],
                    flags: self.avx2(),
                },
            ]),
            Arch::Arm64 => {
                groups.push(Group { lists: &["CELT_SOURCES_ARM_NEON_INTR", "SILK_SOURCES_ARM_NEON_INTR"], flags: &[] })
            }
            Arch::Other => {}
        }
        groups
    }

    fn avx2(&self) -> &'static [&'static str] {
        if self.msvc { &["/arch:AVX2"] } else { &["-mavx", "-mavx2", "-mfma"] }
    }

    fn definitions(&self) -> Vec<&'static str> {
        let mut names =
            vec!["OPUS_BUILD", "ENABLE_HARDENING", "DISABLE_DEBUG_FLOAT", "HAVE_LRINT", "HAVE_LRINTF", "NDEBUG"];
        match self.arch {
            Arch::X64 => names.extend([
                "OPUS_HAVE_RTCD",
                "OPUS_X86_PRESUME_SSE",
                "OPUS_X86_PRESUME_SSE2",
                "OPUS_X86_MAY_HAVE_SSE",
                "OPUS_X86_MAY_HAVE_SSE2",
                "OPUS_X86_MAY_HAVE_SSE4_1",
                "OPUS_X86_MAY_HAVE_AVX2",
            ]),
            Arch::Arm64 => names.extend([
                "OPUS_ARM_PRESUME_NEON",
                "OPUS_ARM_PRESUME_NEON_INTR",
                "OPUS_ARM_PRESUME_AARCH64_NEON_INTR",
                "OPUS_ARM_MAY_HAVE_NEON",
                "OPUS_ARM_MAY_HAVE_NEON_INTR",
            ]),
            Arch::Other => {}
        }
        if self.arch == Arch::X64 && !self.msvc {
            names.push("CPU_INFO_BY_ASM");
        }
        // MSVC has no variable-length arrays.
        names.push(if self.msvc { "USE_ALLOCA" } else { "VAR_ARRAYS" });
        names
    }

    /// A compiler set up as libopus's own build sets it up.
    fn compiler(&self, sources: &Path, flags: &[&str]) -> cc::Build {
        let mut compiler = cc::Build::new();
        compiler.cargo_metadata(false).warnings(false).opt_level(3);
        // Patched files are compiled elsewhere than beside their headers.
        compiler.includes(
            ["include", "celt", "silk", "silk/float", "silk/fixed", "src", ""].map(|part| sources.join(part)),
        );
        for name in self.definitions() {
            compiler.define(name, None);
        }
        if !self.msvc {
            compiler.std("gnu99");
        }
        if !self.windows {
            compiler.define("_FORTIFY_SOURCE", "2").flag_if_supported("-fstack-protector-strong");
        }
        for flag in flags {
            compiler.flag(flag);
        }
        compiler
    }
}
