//! libFuzzer's entry point, for the target that `TEU_FUZZ_TARGET` names while this is compiled: only what that one uses is
//! linked, since libFuzzer looks at the counters of everything that is after each input.
#![no_main]

const TARGET: &teu_fuzz::Target = match teu_fuzz::find(env!("TEU_FUZZ_TARGET")) {
    Some(target) => target,
    None => panic!("no target has the name in TEU_FUZZ_TARGET"),
};

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));
