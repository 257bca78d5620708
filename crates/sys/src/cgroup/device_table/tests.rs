use super::*;

fn rule(allow: bool, text: &str) -> DeviceRule {
    DeviceRule { allow, ..parse_line(text).unwrap() }
}

fn table(rules: &[(bool, &str)]) -> DeviceTable {
    DeviceTable::from_rules(&rules.iter().map(|(allow, text)| rule(*allow, text)).collect::<Vec<_>>()).unwrap()
}

/// Runs the instructions that `compile` uses.
fn run(program: &[Instruction], context: [u32; 3]) -> u64 {
    let mut registers = [0u64; 10];
    let mut at = 0;
    loop {
        let Instruction { code, registers: pair, offset, immediate } = program[at];
        let (to, from) = (usize::from(pair & 15), usize::from(pair >> 4));
        let value = u64::from(immediate.cast_unsigned());
        let low = registers[to] & 0xFFFF_FFFF;
        let jump = usize::try_from(offset).unwrap();
        at += 1;
        match code {
            0x61 => registers[to] = u64::from(context[jump / 4]),
            0x54 => registers[to] = low & value,
            0x74 => registers[to] = low >> value,
            0xBC => registers[to] = registers[from] & 0xFFFF_FFFF,
            0xB7 => registers[to] = value,
            0x56 => at += if low == value { 0 } else { jump },
            0x16 => at += if low == value { jump } else { 0 },
            0x95 => return registers[0],
            other => panic!("unexpected instruction {other:#x}"),
        }
    }
}

fn assert_program_equals_table(table: &DeviceTable) {
    let program = table.compile();
    for (block, major, minor, bits) in [false, true]
        .into_iter()
        .flat_map(|b| (0..12).flat_map(move |x| (0..12).flat_map(move |y| (1..8).map(move |z| (b, x, y, z)))))
    {
        let kind = if block { BPF_DEVCG_DEV_BLOCK } else { BPF_DEVCG_DEV_CHAR };
        let access = DeviceAccess::from_bits_retain(bits);
        let expected = table.permits(block, major, minor, access);
        let got = run(&program, [u32::from(bits) << 16 | kind, major, minor]);
        assert_eq!(got, u64::from(expected), "block {block} {major}:{minor} {access:?} with {table:?}");
    }
}

#[test]
fn later_rules_take_back_earlier_ones() {
    let table = table(&[(false, "a *:* rwm"), (true, "c 1:3 rwm"), (true, "c *:* m"), (false, "c 1:3 w")]);
    assert_eq!(table.lines().collect::<Vec<_>>(), ["c *:* m", "c 1:3 rm"]);
    assert!(!table.permits(false, 1, 3, DeviceAccess::WRITE));
    assert!(table.permits(false, 7, 7, DeviceAccess::MKNOD));
}

#[test]
fn a_hole_in_a_wider_rule_is_refused() {
    let rules = [rule(true, "c 1:* rwm"), rule(false, "c 1:3 r")];
    let error = DeviceTable::from_rules(&rules).unwrap_err().to_string();
    assert!(error.contains("c 1:3 r"), "{error}");
}

#[test]
fn both_kinds_with_a_number_are_two_exceptions() {
    assert_eq!(table(&[(true, "a 4:* r")]).lines().collect::<Vec<_>>(), ["c 4:* r", "b 4:* r"]);
    assert!(table(&[(true, "a *:* rwm")]).allows_everything());
}

#[test]
fn lists_of_the_kernel_are_read_back() {
    let written = table(&[(true, "c 1:3 rwm"), (true, "b *:* m"), (true, "c 136:* rw")]);
    let text: String = written.lines().map(|line| line + "\n").collect();
    assert_eq!(DeviceTable::parse_list(&text), Some(written));
    assert!(DeviceTable::parse_list("a *:* rwm\n").unwrap().allows_everything());
    assert_eq!(DeviceTable::parse_list("x"), None);
}

#[test]
fn differences_are_by_access() {
    let before = table(&[(true, "c 1:3 rwm"), (true, "c 1:5 r")]);
    let after = table(&[(true, "c 1:3 rm"), (true, "c 1:5 rw")]);
    assert_eq!(after.beyond(&before).collect::<Vec<_>>(), ["c 1:5 w"]);
    assert_eq!(before.beyond(&after).collect::<Vec<_>>(), ["c 1:3 w"]);
}

#[test]
fn programs_decide_like_tables() {
    let docker: &[(bool, &str)] = &[
        (false, "a *:* rwm"),
        (true, "c *:* m"),
        (true, "b *:* m"),
        (true, "c 1:3 rwm"),
        (true, "c 5:0 rwm"),
        (true, "c 10:* rwm"),
        (true, "b 8:1 r"),
        (true, "b 8:1 w"),
    ];
    assert_program_equals_table(&table(docker));
    assert_program_equals_table(&table(&[(true, "a *:* rwm"), (false, "c 1:3 w"), (false, "b 8:* rw")]));
    assert_program_equals_table(&table(&[]));
    assert_program_equals_table(&table(&[(true, "a *:* rwm")]));
}
