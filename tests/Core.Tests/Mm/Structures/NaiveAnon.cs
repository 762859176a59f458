namespace PageTableEmu.Core.Tests.Mm.Structures;

/// <summary>An anon_vma of <see cref="NaiveMm"/>: nothing but an identity and a parent.</summary>
internal sealed class NaiveAnon(NaiveAnon? parent)
{
    public NaiveAnon? Parent { get; } = parent;
}
