//! Two small sets kept in machine words: permissions, and concrete types.

use std::ops::BitOr;

/// A set of permissions, one bit for each value of the schema's `Permission` enum.
///
/// Made by [`Access::permissions`](super::Access::permissions). `PUBLIC` has no bit: everyone holds it, so needing it
/// is needing nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permissions(u64);

impl Permissions {
    /// Needs nothing, or holds nothing.
    pub const NONE: Self = Self(0);
    /// What a field without a label needs. No name maps to this bit, so nobody can hold it.
    pub const NOBODY: Self = Self(1 << 63);
    /// Holds whatever can be held.
    pub(super) const ALL: Self = Self(!Self::NOBODY.0);
    /// How many permissions fit beside [`Permissions::NOBODY`].
    pub(super) const CAPACITY: usize = 62;

    pub(super) fn bit(index: usize) -> Self {
        debug_assert!(index < Self::CAPACITY);
        Self(1 << index)
    }

    /// Whether every permission of `needed` is in this set.
    pub fn contains(self, needed: Self) -> bool {
        needed.0 & !self.0 == 0
    }

    /// The permissions of this set that `held` lacks.
    pub fn minus(self, held: Self) -> Self {
        Self(self.0 & !held.0)
    }

    /// The permissions in both sets.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn indices(self) -> impl Iterator<Item = usize> {
        (0..64).filter(move |index| self.0 & (1 << index) != 0)
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A set of concrete (object) types, by their number in the table.
///
/// Its width is fixed so that it stays `Copy` on the hot path; the table refuses a schema that does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TypeSet([u64; Self::WORDS]);

impl TypeSet {
    const WORDS: usize = 4;
    pub(super) const CAPACITY: usize = Self::WORDS * 64;

    pub(super) fn insert(&mut self, index: usize) {
        self.0[index / 64] |= 1 << (index % 64);
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        self.0[index / 64] & (1 << (index % 64)) != 0
    }

    pub(super) fn and(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= other);
        self
    }

    pub(super) fn minus(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= !other);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        let words = self.0;
        words.into_iter().enumerate().flat_map(|(at, word)| {
            std::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)))
                .take_while(|rest| *rest != 0)
                .map(move |rest| at * 64 + rest.trailing_zeros() as usize)
        })
    }
}
