using System.Runtime.Intrinsics;

namespace PageTableEmu.Paging;

/// <summary>What a <see cref="VectorPass{TStep}"/> makes of words, each by itself.</summary>
internal interface IVectorStep
{
    /// <summary>Whether the step wants to know something about the words that it has seen.</summary>
    static abstract bool Watches { get; }

    /// <summary>Eight results.</summary>
    static abstract Vector512<ulong> Of(Vector512<ulong> words);

    /// <summary>Four results.</summary>
    static abstract Vector256<ulong> Of(Vector256<ulong> words);

    /// <summary>What was seen, and now two vectors of words: bits that once were set stay so.</summary>
    static abstract Vector512<ulong> Watch(Vector512<ulong> seen, Vector512<ulong> one, Vector512<ulong> other);

    /// <summary>As the other, of half the size.</summary>
    static abstract Vector256<ulong> Watch(Vector256<ulong> seen, Vector256<ulong> one, Vector256<ulong> other);
}
