/// Decisions out of the fuzzer's bytes. When they are used up every decision is 0, the plainest; so whatever writes by
/// chance comes to an end.
pub(crate) struct Chance<'a> {
    bytes: &'a [u8],
}

impl<'a> Chance<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A number below `sides`, which is at most 65,536.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        let mut number = 0;
        for _ in 0..if sides > 256 { 2 } else { 1 } {
            let Some((first, rest)) = self.bytes.split_first() else { return 0 };
            self.bytes = rest;
            number = number << 8 | usize::from(*first);
        }
        number % sides.max(1)
    }

    /// True once in `sides`.
    pub(crate) fn once_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == sides - 1
    }

    pub(crate) fn pick<'b, T>(&mut self, from: &'b [T]) -> Option<&'b T> {
        from.get(self.roll(from.len()))
    }
}
